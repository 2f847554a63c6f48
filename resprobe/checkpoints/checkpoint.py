"""A trained network with all that is known about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from resprobe.datasets import Normalisation
from resprobe.networks import Architecture

__all__ = ["Checkpoint"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
    """A trained network with all that is known about it.

    Parameters
    ----------
    model : nn.Module
        The network with its weights in float32, in eval mode, on the CPU.
    architecture : Architecture
        From inside the file, or inferred from its keys and shapes.
    path : Path
        Where it was read.
    sha256 : str
        Of the whole file, in hexadecimal.
    normalisation : Normalisation or None
        What the images were normalised with; None where nothing says so, and the data set's
        own is the best guess.
    data : str or None
        The data set it was trained on, as ``resprobe.datasets.load`` takes it.
    split_seed : int or None
        Seed of the validation split that was held out; None where none was, or none is known.
    recipe : dict
        How it was trained; empty where nothing says so.
    epoch : int or None
        Completed epochs.
    figures : dict
        What was measured when it was written, under the names the file gives them.
    versions : dict
        The software that wrote it; empty where nothing says so.
    lacks_head : bool
        Whether the file had no head, so that the network's is at its initialisation.
    notes : tuple of str
        What was recognised, assumed, changed and left out, one line each; empty for files of
        ours.
    state : mapping or None
        What a training needs to go on, as it was given to :func:`save`; None where there is none.

    Examples
    --------
    >>> model = Architecture("resnet8", width=4).build()
    >>> known = Checkpoint(
    ...     model=model, architecture=Architecture("resnet8", width=4), path=Path("runs/r8.pt"),
    ...     sha256="", data="cifar10",
    ... )
    >>> known.name, known.data, known.epoch
    ('r8', 'cifar10', None)
    """

    model: nn.Module
    architecture: Architecture
    path: Path
    sha256: str
    normalisation: Normalisation | None = None
    data: str | None = None
    split_seed: int | None = None
    recipe: dict[str, Any] = field(default_factory=dict)
    epoch: int | None = None
    figures: dict[str, float | int | str] = field(default_factory=dict)
    versions: dict[str, Any] = field(default_factory=dict)
    lacks_head: bool = False
    notes: tuple[str, ...] = ()
    state: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        """The file's name without its suffix: a short label for tables and figures."""
        return self.path.stem
