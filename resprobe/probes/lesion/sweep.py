"""Run the programs of a sweep over images and add up what they answer.

Images are seen in batches. Where memory does not suffice, the batch is halved, for good, and
the sweep goes on. What is done is kept from time to time where a :class:`Kept` says where.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from resprobe.datasets import Batches
from resprobe.devices import is_out_of_memory
from resprobe.probes.lesion.kept import Kept
from resprobe.probes.lesion.tally import Groups, measure, no_sums

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
    largest : int or None
        Images that go through at once, where memory showed a limit.
    """

    classes: int
    groups: Groups
    kept: Kept = field(default_factory=Kept)
    progress: Progress | None = None
    say: Callable[[str], None] | None = None
    largest: int | None = None

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
                for images, labels in self._split(x, y):
                    sums = sums + self._measured(runner, parts, images, labels)
                done += len(y)
                self.kept.put(key, done, sums, whole=done == data.n)
                if self.progress:
                    self.progress(ahead + number, ahead + len(rest))
        return sums

    def _measured(
        self, runner: Runner, parts: Sequence[Sequence[int]], x: Tensor, y: Tensor
    ) -> Tensor:
        """Measure a batch, in halves where it does not fit."""
        try:
            return measure(self._logits(runner, len(parts), x), y, parts, self.groups)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error) or len(y) < 2:
                raise
        # outside the except: the error holds the frames that hold the memory
        gc.collect()
        if x.device.type == "cuda":
            torch.cuda.empty_cache()
        self.largest = (len(y) + 1) // 2
        if self.say:
            self.say(f"out of memory with {len(y)} images at a time; going on with {self.largest}")
        sums = no_sums(len(parts), self.groups)
        for images, labels in self._split(x, y):
            sums = sums + self._measured(runner, parts, images, labels)
        return sums

    def _split(self, x: Tensor, y: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        size = self.largest or len(y)
        return zip(torch.split(x, size), torch.split(y, size), strict=True)

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
