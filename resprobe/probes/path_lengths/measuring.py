"""Run a method over all images, in pieces that fit into memory, and keep its sums.

A piece is the images that go through at once: at most a batch, at most what an estimate of the
memory allows (:data:`ROOM`), and half as many where memory runs out all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from resprobe.chain import Chain, Link, ResidualBlock, left_as_found
from resprobe.datasets import Batches
from resprobe.errors import ResprobeError
from resprobe.probes.path_lengths.drawing import DrawnPaths, draw_signs
from resprobe.probes.path_lengths.scaled import Scaled
from resprobe.probes.path_lengths.sweep import check_sum, sweep
from resprobe.probes.path_lengths.tape import Tape, record
from resprobe.probes.path_lengths.walking import walk_paths
from resprobe.probes.portions import Portions

__all__ = ["ROOM", "Measure", "Places", "exact", "images_at_once", "rms", "run", "sampled"]

ROOM = 2**30  # bytes that the tensors of a piece may take, by estimate

Measure = Callable[[Tape, slice], Tensor]
"""Measures a piece, the images at ``slice``: float64, its first axis images, or 1 for a sum."""

Tick = Callable[[int], None]


@dataclass(frozen=True)
class Places:
    """Where the paths of a study choose, and where they end.

    Attributes
    ----------
    counted : tuple of bool
        For each step of the chain, whether paths choose in it.
    at_images : bool
        Whether gradients are measured at the images, and not at the first block's input.
    """

    counted: tuple[bool, ...]
    at_images: bool = True

    @classmethod
    def of(cls, chain: Chain, *, apart: bool, at_images: bool = True) -> Places:
        """Choose in every residual block; with ``apart`` not in transitions."""
        counted = (
            isinstance(step, ResidualBlock) and not (apart and step.kind == "transition")
            for step in chain.steps
        )
        return cls(tuple(counted), at_images)

    @property
    def blocks(self) -> int:
        """Blocks in which a path chooses."""
        return sum(self.counted)


def run(chain: Chain, data: Batches, places: Places, measure: Measure) -> Tensor:
    """Measure all images; the model is in eval mode meanwhile, and then as it was found.

    Returns
    -------
    float64 Tensor
        What ``measure`` returned of every piece, put together along the images.

    Raises
    ------
    ResprobeError
        If a gradient is not finite.
    """
    found, first = list[Tensor](), 0
    portions = Portions(largest=images_at_once(chain, data, places))
    with left_as_found(chain, training=False, requires_grad=False), torch.enable_grad():
        for x, y in data:
            measured = partial(_measured, chain, x, y, places, measure, first)
            found.extend(portions.of(len(y), measured))
            first += len(y)
    return torch.cat(found)


def _measured(
    chain: Chain, x: Tensor, y: Tensor, places: Places, measure: Measure, first: int, some: slice
) -> Tensor:
    tape = record(chain, x[some], y[some], places.counted, at_images=places.at_images)
    return measure(tape, slice(first + some.start, first + some.stop))


def images_at_once(chain: Chain, data: Batches, places: Places) -> int:
    """Return how many images fit into :data:`ROOM`, one at least and a batch at most."""
    return int(max(1, min(max(data.sizes), ROOM // bytes_per_image(chain, places))))


def bytes_per_image(chain: Chain, places: Places) -> int:
    """Estimate what an image takes: what the graph keeps, and the stack of a sweep.

    A block keeps about eight tensors of the size of its output, a link two; a stack has one
    tensor per length, and at its longest where the largest map is.
    """
    steps = [chain.stem, *chain.steps]
    sizes = [int(np.prod(step.out_shape)) for step in steps]
    kept = sum(n * (2 if isinstance(s, Link) else 8) for n, s in zip(sizes, steps, strict=True))
    return 4 * (kept + (places.blocks + 4) * max(sizes))


def exact(tick: Tick) -> Measure:
    """Measure the gradients that all paths of a length carry together.

    Per image and length: the norm, and the dot product with the whole gradient; at last, of
    the whole gradient, its squared norm. Shape (images, 2, lengths + 1).
    """

    def measure(tape: Tape, _: slice) -> Tensor:
        levels = list(_finite(sweep(tape)))
        check_sum(levels, tape.whole)
        whole = tape.whole.cpu().double()
        dots = [(level.doubled() * whole).flatten(1).sum(1) for level in levels]
        norms = [level.norms() for level in levels]
        squared = whole.flatten(1).square().sum(1)
        tick(tape.images)
        return torch.stack(
            [torch.stack([*norms, squared.sqrt()], 1), torch.stack([*dots, squared], 1)], 1
        )

    return measure


def rms(draws: int, n: int, seed: int, tick: Tick) -> Measure:
    """Measure squared norms under random signs, drawn for each image by itself.

    Summed over images: shape (1, draws, lengths).
    """

    def measure(tape: Tape, images: slice) -> Tensor:
        squares = []
        for draw in range(draws):
            signs = draw_signs(tape.counted, n, seed, draw)[:, images].to(tape.top.device)
            levels = _finite(sweep(tape, signs))
            squares.append(torch.stack([level.norms().square().sum() for level in levels]))
            tick(tape.images)
        return torch.stack(squares)[None]

    return measure


def sampled(drawn: DrawnPaths, tick: Tick) -> Measure:
    """Measure the norms of single paths, and their squares.

    Summed over images: shape (1, 2, paths).
    """

    def measure(tape: Tape, _: slice) -> Tensor:
        sums = torch.empty(2, len(drawn.branches), dtype=torch.float64)
        for number, norms in walk_paths(tape, drawn.branches):
            sums[:, number] = torch.stack([norms.sum(), norms.square().sum()])
            tick(tape.images)
        if not sums.isfinite().all():
            raise _overflow()
        return sums[None]

    return measure


def _finite(levels: Sequence[Scaled]) -> Iterator[Scaled]:
    for level in levels:
        if not level.value.isfinite().all():
            raise _overflow()
        yield level


def _overflow() -> ResprobeError:
    return ResprobeError(
        "the gradient along a path is not finite; check the weights (a network at initialisation "
        "may overflow in eval mode: train it first)"
    )
