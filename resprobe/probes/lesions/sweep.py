"""Run the programs of a sweep over images and add up what they answer.

Images are seen in batches. Where memory does not suffice, the batch is halved, for good, and
the sweep goes on. What is done is kept from time to time where a :class:`Kept` says where.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from resprobe.datasets import Batches
from resprobe.devices import is_out_of_memory
from resprobe.probes.lesions.kept import Kept
from resprobe.probes.lesions.tally import Groups, measure, no_sums

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
                sums = sums + self._in_parts(runner, parts, x, y)
                done += len(y)
                self.kept.put(key, done, sums, whole=done == data.n)
                if self.progress:
                    self.progress(ahead + number, ahead + len(rest))
        return sums

    def _in_parts(
        self, runner: Runner, parts: Sequence[Sequence[int]], x: Tensor, y: Tensor
    ) -> Tensor:
        """Measure a batch, as much of it at a time as memory takes."""
        sums = no_sums(len(parts), self.groups)
        done = 0
        while done < len(y):
            size = min(self.largest or len(y), len(y) - done)
            some = slice(done, done + size)
            try:
                logits = self._logits(runner, len(parts), x[some])
                sums = sums + measure(logits, y[some], parts, self.groups)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or size < 2:
                    raise
                self.largest = (size + 1) // 2
            else:
                done += size
                continue
            # outside the except: the error holds the frames that hold the memory
            self._make_room(size, x.device)
        return sums

    def _make_room(self, size: int, device: torch.device) -> None:
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()
        if self.say:
            self.say(f"out of memory with {size} images at a time; going on with {self.largest}")

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
