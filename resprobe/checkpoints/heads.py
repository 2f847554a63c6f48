"""The linear layer that ends a network: under another name, of another size, or not there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from resprobe.checkpoints.prefixes import Split, first_part
from resprobe.checkpoints.wording import listed
from resprobe.errors import InputError

__all__ = ["Head", "HeadMismatch", "find_head", "head_of"]

HEAD_NAMES = ("fc", "linear", "classifier", "head", "heads", "last_linear", "output")
"""What the part that ends a network is called in libraries and training scripts."""


class HeadMismatch(InputError):
    """A file's head has another number of classes than the model's.

    Parameters
    ----------
    message : str
        The sentence.
    path : Path
        The file.
    classes, wanted : int
        Of the file's head and of the model's.
    """

    def __init__(self, message: str, *, path: Path, classes: int, wanted: int) -> None:
        super().__init__(message)
        self.path, self.classes, self.wanted = path, classes, wanted


@dataclass(frozen=True)
class Head:
    """Where a file holds the layer that ends a network.

    Parameters
    ----------
    name : str
        The layer's name in the network.
    source : str or None
        Its whole name in the file; None where it is missing.
    entries : dict
        Its entries, under the network's names.
    """

    name: str
    source: str | None
    entries: dict[str, Any]

    @property
    def classes(self) -> int | None:
        """How many outputs it has; None where it is missing or no matrix."""
        weight = self.entries.get(f"{self.name}.weight")
        return weight.shape[0] if isinstance(weight, Tensor) and weight.ndim == 2 else None


def head_of(wanted: Mapping[str, Tensor]) -> str | None:
    """Return the name of the linear layer that ends a network; None where none does.

    Parameters
    ----------
    wanted : mapping
        The network's state dict, in its own order.

    Examples
    --------
    >>> from torch import nn
    >>> head_of(nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8, 10)).state_dict())
    '2'
    >>> head_of(nn.Conv2d(3, 8, 3).state_dict()) is None
    True
    """
    last = next(reversed(list(wanted)), "").rpartition(".")[0]
    weight = wanted.get(f"{last}.weight")
    return last if weight is not None and weight.ndim == 2 else None


def find_head(split: Split, wanted: Mapping[str, Tensor], path: Path) -> Head | None:
    """Find a network's head in a file; None for a network that no linear layer ends.

    Where nothing lies under the head's own name, it is the one linear layer of a usual name
    that takes as many features and belongs to no part of the network.

    Raises
    ------
    InputError
        If there are two such layers.
    """
    name = head_of(wanted)
    if name is None:
        return None
    own = {key: value for key, value in split.inside.items() if key.startswith(f"{name}.")}
    if own:
        return Head(name, f"{split.prefix}{name}", own)
    features = wanted[f"{name}.weight"].shape[1]
    entries = split.entries
    sources = [s for s in _sources(split, wanted) if _takes(features, entries, s)]
    if len(sources) > 1:
        raise InputError(
            f"{path}: {listed(sources)} can each be the head '{name}'; save the network with the "
            "one that is meant, and without the other"
        )
    if not sources:
        return Head(name, None, {})
    start = f"{sources[0]}."
    found = {key: value for key, value in entries.items() if key.startswith(start)}
    return Head(name, sources[0], {f"{name}.{key[len(start) :]}": v for key, v in found.items()})


def _sources(split: Split, wanted: Mapping[str, Tensor]) -> Iterator[str]:
    """Yield the layers that stand alone in a part with a head's name."""
    network = {first_part(name) for name in wanted}
    layers: dict[tuple[bool, str], set[str]] = {}
    for name in split.entries:
        inside = name.startswith(split.prefix)
        part = split.part_of(name).rpartition(".")[2]
        if part in HEAD_NAMES and not (inside and part in network):
            layers.setdefault((inside, part), set()).add(name.rpartition(".")[0])
    yield from (next(iter(found)) for found in layers.values() if len(found) == 1)


def _takes(features: int, entries: Mapping[str, Any], layer: str) -> bool:
    weight = entries.get(f"{layer}.weight")
    return isinstance(weight, Tensor) and weight.ndim == 2 and weight.shape[1] == features
