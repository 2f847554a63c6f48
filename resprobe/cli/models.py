"""From ``--model`` to networks: made by their library or file, filled from a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from resprobe.cli.network import Network
from resprobe.cli.say import note

if TYPE_CHECKING:
    from torch import nn

    from resprobe.cli.request import Named
    from resprobe.datasets import Normalisation
    from resprobe.sources import ModelSpec

__all__ = ["models_from_elsewhere"]


def models_from_elsewhere(
    named: Named,
    *,
    seed: int,
    quiet: bool,
    classes: int | None = None,
    channels: int | None = None,
) -> list[Network]:
    """Build the models that ``--model`` names, and fill those that have a checkpoint.

    Parameters
    ----------
    named : Named
        What the command line says.
    seed : int
        Of the weights that are drawn.
    quiet : bool
        Whether notes on what was read from a checkpoint are left out.
    classes, channels : int, optional
        Of the images, for models that can be made for them; trained weights have channels of
        their own.

    Raises
    ------
    ResprobeError
        If a model or its weights cannot be had.
    """
    from resprobe.sources import build_model

    networks = []
    pairs = named.models()
    for label, (spec, path) in zip(_labels(pairs), pairs, strict=True):
        model = build_model(
            spec,
            seed=seed,
            num_classes=classes,
            in_channels=channels if path is None else None,
        )
        filled = {} if path is None else _fill(model, path, prefix=named.prefix, quiet=quiet)
        networks.append(_network(label, spec, model.eval(), filled, seed=seed))
    return networks


def _labels(pairs: list[tuple[ModelSpec, Path | None]]) -> list[str]:
    """Name networks after their files, else their models with their options."""
    return [spec.label_with_options if path is None else path.stem for spec, path in pairs]


def _fill(model: nn.Module, path: Path, *, prefix: str, quiet: bool) -> dict[str, Any]:
    from resprobe.checkpoints import load_weights

    weights = load_weights(model, path, prefix=prefix or None, head_may_lack=True)
    for line in weights.notes:
        note(f"{path.name}: {line}", quiet=quiet)
    return {
        "checkpoint": path.name,
        "checkpoint_sha256": weights.sha256,
        "figures": weights.figures,
        "notes": list(weights.notes),
    }


def _network(
    label: str, spec: ModelSpec, model: nn.Module, filled: dict[str, Any], *, seed: int
) -> Network:
    from resprobe.sources import designed_size, image_size, input_channels

    trained = bool(filled) or spec.asks_for_weights
    about = {
        "checkpoint_sha256": None,
        "model": str(spec),
        "options": spec.options,
        "class": type(model).__qualname__,
        **filled,
    }
    if not trained:
        about["initialisation"] = f"as {spec.label} draws it, seed {seed}"
    return Network(
        label=label,
        model=model,
        trained=trained,
        about=about,
        image_size=image_size(model),
        designed_for=designed_size(spec, model),
        channels=input_channels(model),
        normalisation=_published(spec, model) if trained else None,
    )


def _published(spec: ModelSpec, model: nn.Module) -> Normalisation | None:
    from resprobe.datasets import Normalisation
    from resprobe.sources import library_normalisation

    found = library_normalisation(spec, model)
    return None if found is None else Normalisation(*found)
