"""One forward pass whose graph can be followed back by shortcut and by branch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from resprobe.chain import Chain, Passage, PlainBlock, ResidualBlock, passage
from resprobe.chain.chain import Step
from resprobe.probes.gradients.recomputing import recomputed
from resprobe.probes.gradients.tap import Tap
from resprobe.probes.path_lengths.scaled import EVERY, Scaled
from resprobe.probes.path_lengths.tape import Place
from resprobe.probes.taps import norms_of

__all__ = ["Crossing", "cross", "identity_path", "listen"]


@dataclass(frozen=True)
class Crossing:
    """A step on one batch, its input split by path.

    Attributes
    ----------
    passed : Passage
        What went through. A residual block's ``start`` is what its shortcut alone was given.
    start : Tensor
        The step's input before it was split.
    by_branch : Tensor or None
        What a residual block's branch alone was given.
    """

    passed: Passage
    start: Tensor
    by_branch: Tensor | None = None

    @property
    def passes_on(self) -> bool:
        """Whether the identity path goes through as it came: no activation, an identity."""
        passed = self.passed
        return passed.shortcut is passed.start and passed.total is passed.end


def cross(chain: Chain, x: Tensor, *, recompute: bool = False) -> tuple[list[Crossing], Tensor]:
    """Run the chain; return what happened at its steps, and the logits.

    With ``recompute`` blocks keep their input alone and run again on the way back.
    """
    hidden, crossings, number = chain.stem(x), [], 0
    for step in chain.steps:
        assert isinstance(step, Step)
        is_block = isinstance(step, ResidualBlock | PlainBlock)
        place = number if is_block else None
        crossings.append(_crossed(step, hidden, place, recompute=recompute))
        number += is_block
        hidden = crossings[-1].passed.end
    return crossings, chain.head(hidden)


def _crossed(step: Step, start: Tensor, number: int | None, *, recompute: bool) -> Crossing:
    if recompute and isinstance(step, PlainBlock):
        return Crossing(Passage(step, number, start, recomputed(step, start)), start)
    if not isinstance(step, ResidualBlock):
        return Crossing(passage(step, start, number=number), start)
    # views split the input by path: a hook on each sees what comes back through it
    by_shortcut, by_branch = start.view_as(start), start.view_as(start)
    shortcut = step.shortcut(by_shortcut)
    branch = recomputed(step.branch, by_branch) if recompute else step.branch(by_branch)
    total = shortcut + branch
    del branch  # the sum keeps nothing of it
    passed = Passage(step, number, by_shortcut, step.after(total), shortcut, None, total)
    return Crossing(passed, start, by_branch)


def listen(crossings: Sequence[Crossing], taps: Sequence[Tap]) -> None:
    """Let the blocks' taps catch what comes back; where two blocks meet, one norm serves both."""
    below: Tap | None = None
    for crossing in crossings:
        number = crossing.passed.number
        tap = None if number is None else taps[number]
        if tap is not None and crossing.by_branch is not None:
            _hear(crossing.passed.start, tap.catch_identity)
            _hear(crossing.by_branch, tap.catch_residual)
        if below is not None or tap is not None:
            _hear(crossing.start, partial(_catch, below, tap))
        below = tap
    if below is not None:
        _hear(crossings[-1].passed.end, partial(_catch, below, None))


def _catch(below: Tap | None, above: Tap | None, gradient: Tensor) -> None:
    """Take the gradient between two steps, whose taps are given where they are blocks."""
    norms = norms_of(gradient)
    if below is not None:
        below.catch_output(norms)
    if above is not None:
        above.catch_input(gradient, norms)


def _hear(tensor: Tensor, catch: Callable[[Tensor], None]) -> None:
    tensor.register_hook(catch)  # type: ignore[no-untyped-call]


def identity_path(
    crossings: Sequence[Crossing], top: Tensor, *, together: bool
) -> Iterator[tuple[int, Scaled]]:
    """Carry a gradient down by shortcuts alone: through links and activations, past branches.

    Parameters
    ----------
    crossings : sequence of Crossing
        Of a network with residual blocks; what lies behind the last block is not gone through.
    top : Tensor
        The gradient at the last block's output.
    together : bool
        Whether what a step does to an image depends on the other ones, as BatchNorm with their
        statistics: all images then have one exponent.

    Yields
    ------
    number, gradient
        At each block's input, from the last block to the first.
    """
    path = _levelled(Scaled.of(top, len(top)), together=together)
    last = max(i for i, crossing in enumerate(crossings) if crossing.passed.number is not None)
    for done, crossing in enumerate(reversed(crossings[: last + 1]), start=1):
        place, number = Place(crossing.passed, counted=True), crossing.passed.number
        if number is None:
            path = Scaled(place.by_all(path.value), path.exponent)
        else:
            path = Scaled(place.by_shortcut(place.by_after(path.value)), path.exponent)
        if done % EVERY == 0:
            path = _levelled(path, together=together)
        if number is not None:
            yield number, path


def _levelled(path: Scaled, *, together: bool) -> Scaled:
    if not together:
        return path.rescaled()
    largest = path.largest().max().expand(len(path.exponent))
    return path.with_exponent(path.exponent.max() + torch.frexp(largest).exponent)
