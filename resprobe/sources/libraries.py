"""Models of torchvision and timm, each made by its library's own function."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from resprobe.errors import ResprobeError, UsageError, one_of
from resprobe.sources.reasons import reason
from resprobe.sources.spec import ModelSpec, Source

__all__ = ["from_library", "library"]


def library(source: Source) -> Any:
    """Import a library.

    Raises
    ------
    ResprobeError
        If it is not installed, or does not import here.
    """
    name = "torchvision.models" if source is Source.TORCHVISION else source.value
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != source.value:
            raise ResprobeError(f"{source} does not import here ({reason(error)})") from error
        raise ResprobeError(
            f"{source} is not installed; get it with `pip install {source}`"
        ) from error
    except Exception as error:
        raise ResprobeError(
            f"{source} does not import here ({reason(error)}); install it again for this torch"
        ) from error


def from_library(spec: ModelSpec, defaults: Mapping[str, int]) -> nn.Module:
    """Make a library's model.

    Parameters
    ----------
    spec : ModelSpec
        Of torchvision or timm.
    defaults : mapping
        ``num_classes`` and ``in_channels`` for where ``spec`` does not say; passed only to
        models that take them.

    Raises
    ------
    UsageError
        If the library has no such model, or it cannot be made with these options.
    ResprobeError
        If the library is not there, or weights that were asked for cannot be downloaded.
    """
    prepare = _of_torchvision if spec.source is Source.TORCHVISION else _of_timm
    make, usual = prepare(spec, defaults)
    try:
        model = make(**(usual | spec.options))
    except OSError as error:
        raise _failed_download(spec, error) from error
    except Exception as error:
        if spec.asks_for_weights and "hash" in str(error):  # what came is not what was published
            raise _failed_download(spec, error) from error
        raise UsageError(f"{spec}: {spec.source} cannot make it ({reason(error)})") from error
    assert isinstance(model, nn.Module), f"{spec.source} makes modules"
    return model


def _failed_download(spec: ModelSpec, error: Exception) -> ResprobeError:
    return ResprobeError(
        f"{spec}: its weights could not be downloaded ({reason(error)}); leave out the option that "
        "asks for them, and name their file with --ckpt if you have it"
    )


_Prepared = tuple[Callable[..., Any], dict[str, Any]]


def _of_torchvision(spec: ModelSpec, defaults: Mapping[str, int]) -> _Prepared:
    models = library(Source.TORCHVISION)
    known = models.list_models()
    if spec.name.lower() not in known:
        hint = "torchvision.models.list_models() lists what there is"
        raise one_of("torchvision model", spec.name, known, hint=hint)
    make = models.get_model_builder(spec.name)
    named = inspect.signature(make).parameters
    usual: dict[str, Any] = {}
    # only the classifiers pass what they do not name to a network that takes it
    if "num_classes" in named or spec.name.lower() in models.list_models(module=models):
        usual = {name: value for name, value in defaults.items() if name == "num_classes"}
    if "weights_backbone" in named:  # which otherwise are downloaded unasked
        usual["weights_backbone"] = None
    return make, usual


def _of_timm(spec: ModelSpec, defaults: Mapping[str, int]) -> _Prepared:
    timm = library(Source.TIMM)
    if not timm.is_model(spec.name):
        hint = "timm.list_models() lists what there is"
        raise one_of("timm model", spec.name, timm.list_models(), hint=hint)
    names = {"num_classes": "num_classes", "in_channels": "in_chans"}
    usual = {names[name]: value for name, value in defaults.items()}

    def make(**options: Any) -> Any:
        return timm.create_model(spec.name, **options)

    return make, usual
