"""Which images a model was made for, as far as it or its library says."""

from __future__ import annotations

from typing import Any

from torch import nn

from resprobe.sources.libraries import library
from resprobe.sources.spec import ModelSpec, Source

__all__ = ["designed_size", "image_size", "input_channels", "library_normalisation"]


def input_channels(model: nn.Module) -> int | None:
    """Return how many channels the model's first convolution takes; None where it has none.

    Examples
    --------
    >>> input_channels(nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3)))
    3
    """
    first = next((m for m in model.modules() if isinstance(m, nn.Conv2d)), None)
    return first.in_channels if first is not None and first.in_channels > 0 else None


def image_size(model: nn.Module) -> int | None:
    """Return the height and width in pixels that the model's library says it wants, else None.

    timm's models say so in their patch embedding, where that has one size, else in
    ``pretrained_cfg``; torchvision's vision transformers in ``image_size``. Convolutional
    networks of torchvision take any size, and images that are not square are not asked for.
    """
    embedded = getattr(getattr(model, "patch_embed", None), "img_size", None)
    published = _pretrained(model).get("input_size")
    for size in (embedded, published and published[-2:], getattr(model, "image_size", None)):
        if size is not None:
            return _square(size)
    return None


def designed_size(spec: ModelSpec, model: nn.Module) -> int | None:
    """Return the height and width that the library's weights were made for, where it says so.

    A model that takes images of any size has one too.
    """
    size = image_size(model)
    if size is not None or spec.source is not Source.TORCHVISION:
        return size
    return _square(_torchvision_preset(spec, "crop_size").get("crop_size"))


def _square(size: Any) -> int | None:
    sides = list(size) if isinstance(size, tuple | list) else [size]
    square = all(isinstance(side, int) and side == sides[0] for side in sides)
    return sides[0] if sides and square else None


def library_normalisation(
    spec: ModelSpec, model: nn.Module
) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Return the means and standard deviations that the library's own weights were trained with.

    For pixel values in [0, 1], one number per channel; None where the library does not say, or
    the model takes another number of channels.
    """
    if spec.source is Source.TORCHVISION:
        found = _torchvision_preset(spec, "mean", "std")
    else:
        found = {name: _pretrained(model).get(name) for name in ("mean", "std")}
    mean, std = (tuple(found.get(name) or ()) for name in ("mean", "std"))
    fits = len(mean) == len(std) == input_channels(model)
    return (mean, std) if fits else None


def _pretrained(model: nn.Module) -> dict[str, Any]:
    found = getattr(model, "pretrained_cfg", None)
    return found if isinstance(found, dict) else {}


def _torchvision_preset(spec: ModelSpec, *names: str) -> dict[str, Any]:
    weights = library(Source.TORCHVISION).get_model_weights(spec.name)
    default = getattr(weights, "DEFAULT", None)  # some models have no weights to get
    preset = None if default is None else default.transforms()
    return {name: getattr(preset, name, None) for name in names}
