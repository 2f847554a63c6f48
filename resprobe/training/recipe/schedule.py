"""The learning rate of every iteration, without state but for the warm-up's."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from resprobe.errors import UsageError
from resprobe.training.recipe.recipe import Recipe, Schedule

__all__ = ["WINDOW", "Piece", "WarmUp", "learning_rate", "pieces"]

WINDOW = 100
"""Iterations over which the warm-up looks at the training error."""


def learning_rate(recipe: Recipe, iteration: int, *, warming_up: bool = False) -> float:
    """Return the rate of an iteration, counted from 0.

    Parameters
    ----------
    recipe : Recipe
        In iterations; its schedule, ramp and warm-up rate are used.
    iteration : int
        In ``range(recipe.iterations)``.
    warming_up : bool
        Whether the warm-up still holds the rate down. It never raises it: where the schedule
        is already lower, that is the rate.

    Raises
    ------
    UsageError
        If the recipe counts epochs.

    References
    ----------
    He et al. 2015, section 4.2 (steps); Loshchilov and Hutter 2017, equation 5 (cosine).

    Examples
    --------
    >>> [round(learning_rate(Recipe(), at), 6) for at in (0, 31_999, 32_000, 48_000)]
    [0.1, 0.1, 0.01, 0.001]
    >>> learning_rate(Recipe(), 0, warming_up=True)
    0.01
    """
    if recipe.iterations is None:
        raise UsageError(
            f"{recipe.name} is in epochs, and a rate is that of an iteration; say for how many "
            "images with for_run(images)"
        )
    rate = recipe.learning_rate * _decay(recipe, iteration, length=recipe.iterations)
    if iteration < recipe.ramp:
        rate *= (iteration + 1) / recipe.ramp
    return min(rate, recipe.warm_up_rate) if warming_up else rate


def _decay(recipe: Recipe, iteration: int, *, length: int) -> float:
    if recipe.schedule is Schedule.STEPS:
        return recipe.decay ** sum(iteration >= at for at in recipe.milestones)
    falling = max(1, length - recipe.ramp)
    return (1 + math.cos(math.pi * max(0, iteration - recipe.ramp) / falling)) / 2


@dataclass(frozen=True)
class Piece:
    """Iterations over which the rate stays, rises or falls without a break.

    Parameters
    ----------
    first, last : int
        Iterations, counted from 0, both part of it.
    first_rate, last_rate : float
        Learning rates at its ends.
    """

    first: int
    last: int
    first_rate: float
    last_rate: float


def pieces(recipe: Recipe) -> list[Piece]:
    """Return the whole curve of a recipe in iterations, without the warm-up, piece by piece.

    Examples
    --------
    >>> [(one.first, one.last, round(one.last_rate, 6)) for one in pieces(Recipe())]
    [(0, 31999, 0.1), (32000, 47999, 0.01), (48000, 63999, 0.001)]
    """
    starts = sorted({at for at in (0, recipe.ramp, *recipe.milestones) if at < recipe.length})
    return [
        Piece(first, last, learning_rate(recipe, first), learning_rate(recipe, last))
        for first, following in zip(starts, [*starts[1:], recipe.length], strict=True)
        for last in (following - 1,)
    ]


@dataclass(frozen=True, kw_only=True)
class WarmUp:
    """The warm-up of very deep networks: a low rate at first, then that of the schedule.

    He et al.'s ends, for good, after the first iteration at which the error over the last
    ``WINDOW`` (100) training batches together, in training mode as they were learnt from, is
    below ``until_error``; so it lasts at least 100 iterations. The paper has about 400, then
    "go back to 0.1 and continue". Huang et al.'s ends after a fixed number of iterations.

    Parameters
    ----------
    active : bool
        Whether it goes on.
    until_error : float or None
        Above 0 and at most 1.
    left : int or None
        Iterations to come, of a warm-up of fixed length.
    seen : tuple of (int, int)
        Wrong answers and images of the last batches, oldest first.

    References
    ----------
    He et al. 2015, section 4.2, on the 110-layer network; Huang et al. 2016, section 4, on the
    1202-layer network.

    Examples
    --------
    >>> from resprobe.training import recipes
    >>> huang = recipes["huang2016-stochastic-depth-1202"].for_run(45_000)
    >>> WarmUp.of(huang, depth=1202).left, 10 * 352
    (3520, 3520)
    """

    active: bool
    until_error: float | None = None
    left: int | None = None
    seen: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        # a file gives lists
        object.__setattr__(self, "seen", tuple((wrong, n) for wrong, n in self.seen))

    @classmethod
    def of(cls, recipe: Recipe, *, depth: int) -> WarmUp:
        """Return the warm-up of a network of this depth at its first iteration."""
        needed = recipe.warm_up_depth is not None and depth >= recipe.warm_up_depth
        return cls(
            active=needed, until_error=recipe.warm_up_until_error, left=recipe.warm_up_length
        )

    def after(self, *, wrong: int, images: int) -> WarmUp:
        """Return the warm-up after one more batch."""
        if not self.active:
            return self
        if self.left is not None:
            return replace(self, left=self.left - 1, active=self.left > 1)
        seen = (*self.seen, (wrong, images))[-WINDOW:]
        if len(seen) < WINDOW:
            return replace(self, seen=seen)
        all_wrong, all_images = (sum(column) for column in zip(*seen, strict=True))
        limit = (self.until_error or 0.0) * all_images
        return replace(self, active=all_wrong >= limit, seen=seen)
