"""The learning rate of every iteration, without state but for the warm-up's."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from resprobe.training.recipe import Recipe, Schedule

__all__ = ["WINDOW", "WarmUp", "learning_rate"]

WINDOW = 100
"""Iterations over which the warm-up looks at the training error."""


def learning_rate(recipe: Recipe, iteration: int, *, warming_up: bool = False) -> float:
    """Return the rate of an iteration, counted from 0.

    Parameters
    ----------
    recipe : Recipe
        Its schedule, ramp and warm-up rate are used.
    iteration : int
        In ``range(recipe.iterations)``.
    warming_up : bool
        Whether the warm-up still holds the rate down. It never raises it: where the schedule
        is already lower, that is the rate.

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
    rate = recipe.learning_rate * _decay(recipe, iteration)
    if iteration < recipe.ramp:
        rate *= (iteration + 1) / recipe.ramp
    return min(rate, recipe.warm_up_rate) if warming_up else rate


def _decay(recipe: Recipe, iteration: int) -> float:
    if recipe.schedule is Schedule.STEPS:
        return recipe.decay ** sum(iteration >= at for at in recipe.milestones)
    falling = max(1, recipe.iterations - recipe.ramp)
    return (1 + math.cos(math.pi * max(0, iteration - recipe.ramp) / falling)) / 2


@dataclass(frozen=True, kw_only=True)
class WarmUp:
    """He et al.'s warm-up of very deep networks: a low rate until the training error falls.

    It ends, for good, after the first iteration at which the error over the last ``WINDOW``
    (100) training batches together, in training mode as they were learnt from, is below
    ``until_error``; so it lasts at least 100 iterations. The paper has about 400, then "go
    back to 0.1 and continue".

    Parameters
    ----------
    active : bool
        Whether it goes on.
    until_error : float
        In [0, 1].
    seen : tuple of (int, int)
        Wrong answers and images of the last batches, oldest first.

    References
    ----------
    He et al. 2015, section 4.2, on the 110-layer network.
    """

    active: bool
    until_error: float
    seen: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, recipe: Recipe, *, depth: int) -> WarmUp:
        """Return the warm-up of a network of this depth at its first iteration."""
        needed = recipe.warm_up_depth is not None and depth >= recipe.warm_up_depth
        return cls(active=needed, until_error=recipe.warm_up_until_error)

    def after(self, *, wrong: int, images: int) -> WarmUp:
        """Return the warm-up after one more batch."""
        if not self.active:
            return self
        seen = (*self.seen, (wrong, images))[-WINDOW:]
        if len(seen) < WINDOW:
            return replace(self, seen=seen)
        all_wrong, all_images = (sum(column) for column in zip(*seen, strict=True))
        return replace(self, active=all_wrong >= self.until_error * all_images, seen=seen)
