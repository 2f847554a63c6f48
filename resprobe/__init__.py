"""See how residual networks use their depth.

A trained network, from anywhere, becomes a chain of residual blocks; every analysis is written
once over the chain::

    checkpoint = resprobe.load("r110.pt")
    images = resprobe.load_data("folder:pets")
    data = resprobe.Batches(images, checkpoint.normalisation)
    chain = resprobe.unravel(checkpoint.model, data.example())
    result = resprobe.lesion(chain, data)      # a tidy frame and where it came from
    resprobe.plot(result)

Names are imported when they are first used, so that ``import resprobe`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from resprobe.chain import Chain, block_table, unravel
    from resprobe.checkpoints import Checkpoint, load, load_weights, save
    from resprobe.datasets import Batches, ImageSet, Normalisation
    from resprobe.datasets import load as load_data
    from resprobe.figures import plot
    from resprobe.monitor.watch import watch
    from resprobe.networks import Architecture, size_table
    from resprobe.notebook.display import chain_html, result_html
    from resprobe.notebook.explorer import Explorer, explore
    from resprobe.probes import (
        Workbench,
        geometry,
        gradflow,
        initialisation,
        landscape,
        lesion,
        magnitude,
        path_law,
        path_share,
        paths,
        predictors,
        readout,
        similarity,
    )
    from resprobe.probes.lesions import studies
    from resprobe.results import Result
    from resprobe.sources import build_model
    from resprobe.training import Recipe, train

__version__ = "0.1.0"

__all__ = [
    "Architecture",
    "Batches",
    "Chain",
    "Checkpoint",
    "Explorer",
    "ImageSet",
    "Normalisation",
    "Recipe",
    "Result",
    "Workbench",
    "block_table",
    "build_model",
    "chain_html",
    "explore",
    "geometry",
    "gradflow",
    "initialisation",
    "landscape",
    "lesion",
    "load",
    "load_data",
    "load_weights",
    "magnitude",
    "path_law",
    "path_share",
    "paths",
    "plot",
    "predictors",
    "readout",
    "result_html",
    "save",
    "similarity",
    "size_table",
    "studies",
    "train",
    "unravel",
    "watch",
]

_HOMES = {
    "Architecture": ("networks", "Architecture"),
    "Batches": ("datasets", "Batches"),
    "Chain": ("chain", "Chain"),
    "Checkpoint": ("checkpoints", "Checkpoint"),
    "Explorer": ("notebook.explorer", "Explorer"),
    "ImageSet": ("datasets", "ImageSet"),
    "Normalisation": ("datasets", "Normalisation"),
    "Recipe": ("training", "Recipe"),
    "Result": ("results", "Result"),
    "Workbench": ("probes", "Workbench"),
    "block_table": ("chain", "block_table"),
    "build_model": ("sources", "build_model"),
    "chain_html": ("notebook.display", "chain_html"),
    "explore": ("notebook.explorer", "explore"),
    "geometry": ("probes", "geometry"),
    "gradflow": ("probes", "gradflow"),
    "initialisation": ("probes", "initialisation"),
    "landscape": ("probes", "landscape"),
    "lesion": ("probes", "lesion"),
    "load": ("checkpoints", "load"),
    "load_data": ("datasets", "load"),
    "load_weights": ("checkpoints", "load_weights"),
    "magnitude": ("probes", "magnitude"),
    "path_law": ("probes", "path_law"),
    "path_share": ("probes", "path_share"),
    "paths": ("probes", "paths"),
    "plot": ("figures", "plot"),
    "predictors": ("probes", "predictors"),
    "readout": ("probes", "readout"),
    "result_html": ("notebook.display", "result_html"),
    "save": ("checkpoints", "save"),
    "similarity": ("probes", "similarity"),
    "size_table": ("networks", "size_table"),
    "studies": ("probes.lesions", "studies"),
    "train": ("training", "train"),
    "unravel": ("chain", "unravel"),
    "watch": ("monitor", "watch"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'resprobe' has no attribute {name!r}")
    room, attribute = _HOMES[name]
    return getattr(importlib.import_module(f"resprobe.{room}"), attribute)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
