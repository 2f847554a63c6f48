"""One pass over the images with a look at every block; and what was seen."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from resprobe.chain import Chain, Passage, Program, call_step, passage
from resprobe.chain.chain import ResidualBlock, Step
from resprobe.probes.bench.arrangement import Arrangement
from resprobe.probes.bench.lengths import PathLengths
from resprobe.probes.bench.prefixes import Stored
from resprobe.probes.lesions.making import Lesion
from resprobe.probes.magnitudes.elements import rows_of
from resprobe.probes.taps import norms_of

__all__ = ["SIZES", "Look", "Seen", "see"]

Array = npt.NDArray[np.float64]

SIZES = ("ratio", "ratio_q10", "ratio_q50", "ratio_q90", "branch_norm", "shortcut_norm")
"""What is measured of a residual block; the definitions are those of ``resprobe.magnitude``."""


@dataclass(frozen=True, eq=False)
class Look:
    """What a network does whose blocks were deleted or moved.

    Attributes
    ----------
    arrangement : Arrangement
        Which block ran where, and which were left out.
    lesion : Lesion
        The same as the lesion studies name it.
    figures : dict
        As in a row of :func:`resprobe.lesion`: ``accuracy, error_rise, loss, agreement, kl``,
        each with its interval, and ``n`` and ``correct``; NaN where there are no labels.
    sizes : array of shape (blocks, 6)
        By place: :data:`SIZES` of the block that ran there; NaN where its branch was left out,
        and in plain blocks.
    lengths : PathLengths or None
        How long the paths are that are left; None in a plain network.
    sums : Tensor
        What the figures follow from.
    steps, steps_run : int
        Blocks and links of the network, and how many of them were computed for this look.
    seconds : float
        How long it took.
    """

    arrangement: Arrangement
    lesion: Lesion
    figures: dict[str, float]
    sizes: Array
    lengths: PathLengths | None
    sums: Tensor
    steps: int
    steps_run: int
    seconds: float


class Seen(NamedTuple):
    """The answers to each batch, the sizes by call, and what may be kept."""

    logits: list[Tensor]
    sizes: Array
    stored: list[Stored]


def see(
    chain: Chain,
    program: Program,
    images: Iterable[Tensor],
    *,
    start: Stored | None,
    keep: Sequence[int],
) -> Seen:
    """Run a program on all images, from where its beginning was kept.

    Parameters
    ----------
    chain : Chain
        In eval mode; call under ``torch.inference_mode()``.
    program : Program
        What to run.
    images : iterable of Tensor
        Batches, which are not asked for where the beginning was kept.
    start : Stored, optional
        Where to begin.
    keep : sequence of int
        After how many calls activations are kept: more than were made at the start.
    """
    steps = [step for step in chain.steps if isinstance(step, Step)]
    done = start.depth if start else 0
    held: dict[int, list[Tensor]] = {depth: [] for depth in keep}
    norms: list[list[tuple[Array, Array]]] = [[] for _ in program]
    logits = []
    for hidden in start.activations if start else (chain.stem(x) for x in images):
        for depth in range(done, len(program)):
            if depth in held:
                held[depth].append(hidden)
            call, step = program[depth], steps[program[depth].step]
            if isinstance(step, ResidualBlock) and call.scale == 1:
                passed = passage(step, hidden)
                norms[depth].append(_norms(passed))
                hidden = passed.end
                del passed
            else:
                hidden = call_step(step, call, hidden)
        logits.append(chain.head(hidden))
    fresh = [_reduced(parts) for parts in norms[done:]]
    before = start.sizes if start else np.empty((0, len(SIZES)))
    sizes = np.concatenate([before, np.array(fresh).reshape(-1, len(SIZES))])
    stored = [Stored(depth, parts, sizes[:depth].copy()) for depth, parts in held.items()]
    return Seen(logits, sizes, stored)


def _norms(passed: Passage) -> tuple[Array, Array]:
    """Return each image's norm of the branch and of the shortcut."""
    assert passed.branch is not None, "a residual block has one"
    assert passed.shortcut is not None
    assert passed.total is not None
    images = len(passed.start)
    branch, shortcut = (
        norms_of(rows_of(_as_it_lies(part.expand_as(passed.total)), images)).numpy()
        for part in (passed.branch, passed.shortcut)
    )
    return branch, shortcut


def _as_it_lies(value: Tensor) -> Tensor:
    """Turn channels that come last to the end: a norm then reads them without a copy."""
    last = value.dim() == 4 and value.is_contiguous(memory_format=torch.channels_last)
    return value.permute(0, 2, 3, 1) if last else value


def _reduced(parts: Sequence[tuple[Array, Array]]) -> list[float]:
    """Return the figures of one block over all images, in the order of :data:`SIZES`."""
    if not parts:
        return [math.nan] * len(SIZES)
    branch, shortcut = (np.concatenate(norms) for norms in zip(*parts, strict=True))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = branch / shortcut
        quantiles = np.quantile(ratio, (0.1, 0.5, 0.9))
        return [float(ratio.mean()), *map(float, quantiles), float(branch.mean()),
                float(shortcut.mean())]  # fmt: skip
