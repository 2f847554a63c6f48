"""What programs that begin alike have computed already, within a bound on memory."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

from resprobe.chain import Program

__all__ = ["Prefixes", "Stored"]


@dataclass(frozen=True)
class Stored:
    """Where a program stands after its first calls.

    Attributes
    ----------
    depth : int
        Calls made.
    activations : list of Tensor
        Batch by batch.
    sizes : array of shape (depth, figures)
        What was measured on the way.
    """

    depth: int
    activations: list[Tensor]
    sizes: npt.NDArray[np.float64]

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        held = sum(part.untyped_storage().nbytes() for part in self.activations)
        return held + self.sizes.nbytes


class Prefixes:
    """Keeps activations after the first calls of programs; the longest unused one goes first.

    Parameters
    ----------
    sizes : sequence of int
        By number of calls, from 0: the bytes that all images take there.
    most : int
        Bytes that are held at most. Where not all activations of two programs fit, every
        second one is kept, or every third, ...

    Examples
    --------
    >>> Prefixes([100] * 9, most=1800).depths, Prefixes([100] * 9, most=600).depths
    ((0, 1, 2, 3, 4, 5, 6, 7, 8), (0, 3, 6))
    >>> Prefixes([100] * 9, most=100).depths
    ()
    """

    def __init__(self, sizes: Sequence[int], *, most: int) -> None:
        self.most, self.held = most, 0
        self._sizes, self.depths = sizes, _depths(sizes, most // 2)
        self._kept: OrderedDict[Program, Stored] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def longest(self, program: Program) -> Stored | None:
        """Return the longest beginning of a program that is kept; all of them count as used."""
        found = sorted(
            (key for key in self._kept if len(key) < len(program) and program[: len(key)] == key),
            key=len,
        )
        for key in reversed(found):  # the shortest, which most programs share, go last
            self._kept.move_to_end(key)
        return self._kept[found[-1]] if found else None

    def keep(self, program: Program, stored: Stored) -> None:
        """Keep where a program stands; what was not used for longest makes room."""
        key, size = program[: stored.depth], stored.nbytes
        if size > self.most:
            return
        if key in self._kept:
            self.held -= self._kept.pop(key).nbytes
        while self.held + size > self.most:
            _, gone = self._kept.popitem(last=False)
            self.held -= gone.nbytes
        self._kept[key] = stored
        self.held += size

    def make_room(self, depths: Sequence[int], *, beside: Stored | None) -> None:
        """Let go what was not used for longest, until activations at some depths can be added."""
        size = sum(self._sizes[depth] for depth in depths)
        for key, stored in list(self._kept.items()):
            if self.held + size <= self.most:
                return
            if stored is not beside:
                self.held -= self._kept.pop(key).nbytes


def _depths(sizes: Sequence[int], most: int) -> tuple[int, ...]:
    """Choose evenly spaced depths whose activations fit."""
    for stride in range(1, len(sizes) + 1):
        if math.fsum(sizes[::stride]) <= most:
            return tuple(range(0, len(sizes), stride))
    return ()
