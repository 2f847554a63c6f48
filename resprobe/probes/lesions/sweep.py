"""Run the programs of a sweep over images and add up what they answer.

Images are seen in batches. Where memory does not suffice, the batch is halved, for good, and
the sweep goes on. What is done is kept from time to time where a :class:`Kept` says where.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor

from resprobe.datasets import Batches
from resprobe.probes.kept import Kept
from resprobe.probes.lesions.tally import Groups, measure, no_sums
from resprobe.probes.portions import Portions

__all__ = ["Progress", "Runner", "Sweep", "part_of"]

Runner = Callable[[Tensor], Iterable[tuple[int, Tensor]]]
"""Yields the number and the logits of every program, for one batch."""

Progress = Callable[[int, int], None]


@dataclass
class Sweep:
    """How images are shown to many programs.

    Parameters
    ----------
    classes : int
        Outputs of the head.
    groups : Groups
        Which images are summed apart.
    kept : Kept
        What was done before, and where to keep what is done.
    progress : callable, optional
        Called with (batches done, batches in all).
    say : callable, optional
        Told in words what a user should know.

    Attributes
    ----------
    portions : Portions
        How many images go through at once.
    """

    classes: int
    groups: Groups
    kept: Kept = field(default_factory=Kept)
    progress: Progress | None = None
    say: Callable[[str], None] | None = None

    def __post_init__(self) -> None:
        self.portions = Portions(say=self.say)

    def run(
        self, runner: Runner, parts: Sequence[Sequence[int]], data: Batches, *, key: str
    ) -> Tensor:
        """Show all images to all programs; return the sums.

        Parameters
        ----------
        runner : callable
            Runs ``len(parts)`` programs, the intact network first.
        parts : sequence of sequences of int
            By program: the programs that it is put together of, if any.
        data : Batches
            May be none, where other processes see them all.
        key : str
            What this sweep is called among those of a study.

        Returns
        -------
        float64 Tensor of shape (programs, groups, sums)
        """
        done, sums = self.kept.get(key) or (0, no_sums(len(parts), self.groups))
        if done < data.n:
            rest = part_of(data, torch.arange(done, data.n))
            ahead = done // data.batch_size
            for number, (x, y) in enumerate(rest, start=1):
                measured = partial(self._measured, runner, parts, x, y)
                for portion in self.portions.of(len(y), measured):
                    sums = sums + portion
                done += len(y)
                self.kept.put(key, done, sums, whole=done == data.n)
                if self.progress:
                    self.progress(ahead + number, ahead + len(rest))
        return sums

    def _measured(
        self, runner: Runner, parts: Sequence[Sequence[int]], x: Tensor, y: Tensor, some: slice
    ) -> Tensor:
        logits = self._logits(runner, len(parts), x[some])
        return measure(logits, y[some], parts, self.groups)

    def _logits(self, runner: Runner, programs: int, x: Tensor) -> Tensor:
        logits = torch.empty(programs, len(x), self.classes, device=x.device)
        for number, answer in runner(x):
            logits[number] = answer
        return logits


def part_of(data: Batches, indices: Tensor) -> Batches:
    """Return some of the images, in that order."""
    if len(indices) == data.n and bool((indices == torch.arange(data.n)).all()):
        return data
    return replace(data, data=data.data.take(indices))
