"""How well the entries of a file fit a network: what is taken, left out, missing or different."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from resprobe.checkpoints.heads import Head, find_head
from resprobe.checkpoints.prefixes import Split, first_part
from resprobe.checkpoints.states import check_tensor
from resprobe.checkpoints.wording import listed, printable, shape_of

__all__ = ["COUNTER", "Fit", "Mismatch", "fit", "matching"]

COUNTER = "num_batches_tracked"
"""How many batches a BN has seen: no weight, and unknown to networks from before torch 0.4.1."""


@dataclass(frozen=True)
class Mismatch:
    """The first entry that keeps a network from taking a file's weights."""

    key: str
    text: str


@dataclass(frozen=True)
class Fit:
    """What a network takes from a file, and what not.

    Parameters
    ----------
    split : Split
        The file's entries, divided at the network's prefix.
    head : Head or None
        Where its head is in the file; None for a network that no linear layer ends.
    state : dict
        The tensors that it takes, under its own names.
    left_out : tuple of str
        Entries that belong to no part of it, by their whole names.
    computed : tuple of str
        Entries for buffers that it makes itself and keeps in no state dict.
    mismatch : Mismatch or None
        The first entry that is missing, of another shape or unknown, if there is one.
    """

    split: Split
    head: Head | None
    state: dict[str, Tensor]
    left_out: tuple[str, ...]
    computed: tuple[str, ...]
    mismatch: Mismatch | None

    @property
    def lacks_head(self) -> bool:
        """Whether the file holds the network without its head."""
        return self.head is not None and self.head.source is None

    @property
    def notes(self) -> tuple[str, ...]:
        """What was changed to make it fit, one line each."""
        notes = [*self.split.notes]
        head = self.head
        if head is not None and head.source not in (None, f"{self.split.prefix}{head.name}"):
            notes.append(f"took {listed([str(head.source)])} as the head '{head.name}'")
        if self.left_out:
            parts = [self.split.part_of(name) for name in self.left_out]
            notes.append(f"left out what is no part of the network: {_counted(parts)}")
        if self.computed:
            leaves = [name.rpartition(".")[2] for name in self.computed]
            notes.append(f"left out buffers that the network makes itself: {_counted(leaves)}")
        return tuple(notes)


def fit(
    split: Split,
    wanted: Mapping[str, Tensor],
    path: Path,
    *,
    head_may_lack: bool = False,
    computed: Collection[str] = (),
) -> Fit:
    """Hold a file's entries against a network's, by name and shape.

    An entry belongs to the network where the first part of its name (``layer1``, ``fc``) is one
    of the network's, or differs from one in its number alone: ``layer4`` would belong to a
    network of three stages, and ``bn`` to one that has ``bn1``. Only the head has no such
    relatives: ``fc2`` is another head. What belongs must fit; the rest is left out.

    Parameters
    ----------
    split : Split
        The entries, divided at the network's prefix.
    wanted : mapping
        The network's state dict, in its own order; the values do not matter.
    path : Path
        The file, for messages.
    head_may_lack : bool
        Whether a file without the head fits as well.
    computed : collection of str
        Buffers of the network that are in none of its state dicts.

    Raises
    ------
    InputError
        If an entry that would be taken is no dense tensor of plain numbers, or if two layers
        can be the head.
    """
    head = find_head(split, wanted, path)
    entries, outside = _with_head(split, head)
    state = {key: entries[key] for key in wanted if key in entries}
    for key, value in state.items():
        check_tensor(key, value, path)
    belongs = _membership(wanted, head)
    rest = [key for key in entries if key not in wanted]
    spare = {k: None for k in rest if k in computed or (k.endswith(COUNTER) and belongs(k))}
    unfit = [key for key in rest if key not in spare]
    unknown = [key for key in unfit if belongs(key)]
    foreign = [key for key in unfit if not belongs(key)]
    optional = f"{head.name}." if head_may_lack and head and head.source is None else None
    mismatch = _first_difference(state, wanted, optional)
    if mismatch is None and unknown:
        mismatch = Mismatch(unknown[0], f"unknown key: {printable(unknown[0])}")
    left_out = tuple([*(f"{split.prefix}{key}" for key in foreign), *outside])
    return Fit(split, head, state, left_out, tuple(spare), mismatch)


def matching(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> int:
    """Return how many of a network's entries are there in their shape."""
    return sum(key in state and state[key].shape == value.shape for key, value in wanted.items())


def _with_head(split: Split, head: Head | None) -> tuple[dict[str, Any], list[str]]:
    """Return the entries inside, the head's under the network's names, and the names outside."""
    if head is None or head.source is None:
        return split.inside, list(split.outside)
    source = f"{head.source}."
    cut = len(split.prefix)
    inside = {
        name[cut:]: value
        for name, value in split.entries.items()
        if name.startswith(split.prefix) and not name.startswith(source)
    }
    outside = [name for name in split.outside if not name.startswith(source)]
    return {**inside, **head.entries}, outside


def _membership(wanted: Iterable[str], head: Head | None) -> Callable[[str], bool]:
    parts = {first_part(name) for name in wanted}
    last = None if head is None else first_part(head.name)
    kinds = {_kind(part) for part in parts if part != last}
    return lambda name: first_part(name) in parts or _kind(first_part(name)) in kinds


def _kind(part: str) -> str:
    return re.sub(r"\d+$", "", part)


def _first_difference(
    state: Mapping[str, Tensor], wanted: Mapping[str, Tensor], optional: str | None
) -> Mismatch | None:
    for key, tensor in wanted.items():
        if key not in state:
            if key.endswith(COUNTER) or (optional is not None and key.startswith(optional)):
                continue
            return Mismatch(key, f"missing key: {key}")
        value = state[key]
        if value.shape != tensor.shape:
            return Mismatch(key, f"{key} is {shape_of(value)}, wanted {shape_of(tensor)}")
        if tensor.is_floating_point() and not value.is_floating_point():
            return Mismatch(key, f"{key} holds {value.dtype}, wanted floating point")
    return None


def _counted(names: Collection[str]) -> str:
    """Return the different names, and how many entries have them."""
    entries = "1 entry" if len(names) == 1 else f"{len(names)} entries"
    return f"{listed(dict.fromkeys(names))} ({entries})"
