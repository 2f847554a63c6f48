"""How a network is trained, as plain numbers."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from resprobe.errors import UsageError, one_of

__all__ = ["Recipe", "Schedule", "recipes"]


class Schedule(enum.Enum):
    """How the learning rate falls."""

    STEPS = "steps"
    """Multiplied by a factor at each milestone."""
    COSINE = "cosine"
    """Along half a cosine to 0 at the last iteration."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Stochastic gradient descent for image networks; the defaults are He et al. 2015's for CIFAR.

    Parameters
    ----------
    name : str
        What logs and checkpoints call it.
    batch_size : int
        Images per iteration, at least 2; the last batch of an epoch may be smaller.
    iterations : int
        Length of the run, in batches.
    learning_rate : float
        Before any decay.
    schedule : Schedule
        How it falls.
    milestones : tuple of int
        Iterations (counted from 0) from which the rate is multiplied by ``decay`` once more;
        only with :attr:`Schedule.STEPS`.
    decay : float
        In (0, 1].
    ramp : int
        Iterations over which the rate rises linearly from ``learning_rate / ramp``; 0 for none.
    momentum, weight_decay : float
        Of the gradient descent; the decay acts on every parameter, as in the paper.
    nesterov : bool
        Nesterov's momentum.
    warm_up_depth : int or None
        Networks of this depth or deeper start at ``warm_up_rate``; None for no network.
    warm_up_rate, warm_up_until_error : float
        They keep that rate until the training error falls below this fraction.
    validation_fraction : float
        Share of the training images held out, in [0, 1); 0 holds out none.
    pad : int
        Zeros around an image, from which a crop of its size is taken at random.
    flip : bool
        Mirror half of the images.

    Raises
    ------
    UsageError
        If a value is out of range.

    References
    ----------
    He et al. 2015, section 4.2.

    Examples
    --------
    >>> Recipe().for_epochs(2, images=45_000).milestones
    (352, 528)
    """

    name: str = "he2015-cifar"
    batch_size: int = 128
    iterations: int = 64_000
    learning_rate: float = 0.1
    schedule: Schedule = Schedule.STEPS
    milestones: tuple[int, ...] = (32_000, 48_000)
    decay: float = 0.1
    ramp: int = 0
    momentum: float = 0.9
    weight_decay: float = 1e-4
    nesterov: bool = False
    warm_up_depth: int | None = 110
    warm_up_rate: float = 0.01
    warm_up_until_error: float = 0.80
    validation_fraction: float = 0.1
    pad: int = 4
    flip: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "milestones", tuple(self.milestones))
        for field, low, high in _RANGES:
            value = getattr(self, field)
            if isinstance(value, bool) or not low <= value <= high:
                raise self._wrong(field, f"from {low:g} to {high:g}")
        for field in _WHOLE:
            if not isinstance(getattr(self, field), int):
                raise self._wrong(field, "a whole number")
        for field in _POSITIVE:
            if getattr(self, field) <= 0:
                raise self._wrong(field, "above 0")
        self._check_together()

    def _check_together(self) -> None:
        rising = list(self.milestones) == sorted(self.milestones)
        if not rising or any(type(at) is not int or at < 0 for at in self.milestones):
            raise self._wrong("milestones", "whole numbers >= 0 in rising order")
        if self.validation_fraction >= 1:
            raise self._wrong("validation_fraction", "below 1")
        if self.nesterov and self.momentum == 0:
            raise self._wrong("momentum", "above 0 with nesterov")

    def _wrong(self, field: str, wanted: str) -> UsageError:
        return UsageError(f"{field} of {self.name} must be {wanted}; got {getattr(self, field)!r}")

    @classmethod
    def named(cls, name: str) -> Recipe:
        """Return a built-in recipe.

        Raises
        ------
        UsageError
            If there is none of this name.
        """
        if name not in recipes:
            raise one_of("recipe", name, recipes)
        return recipes[name]

    def batches_per_epoch(self, images: int) -> int:
        """Return the iterations that an epoch of so many training images takes.

        The last batch may be smaller, but one of a single image, over which batch
        normalisation means little or nothing, is left out; which image that is changes from
        epoch to epoch.
        """
        whole, rest = divmod(images, self.batch_size)
        return whole + (rest > 1)

    def for_epochs(self, epochs: int, *, images: int) -> Recipe:
        """Return the recipe for a run of so many epochs, its milestones and ramp scaled alike.

        Parameters
        ----------
        epochs : int
            At least 1.
        images : int
            Images trained on, those held out for validation not counted.

        Raises
        ------
        UsageError
            If there is no epoch, or less than one batch.
        """
        if epochs < 1:
            raise UsageError(f"the number of epochs must be at least 1; got {epochs}")
        iterations = epochs * self.batches_per_epoch(images)
        if iterations < 1:
            raise UsageError(f"training needs at least 2 images; got {images}")
        scale = iterations / self.iterations
        return dataclasses.replace(
            self,
            iterations=iterations,
            milestones=tuple(round(at * scale) for at in self.milestones),
            ramp=math.ceil(self.ramp * scale),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, for a file."""
        fields = dataclasses.asdict(self)
        return {**fields, "schedule": self.schedule.value, "milestones": list(self.milestones)}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Recipe:
        """Rebuild from :meth:`to_dict`; UsageError where the fields are not those of a recipe."""
        try:
            return cls(**{**fields, "schedule": Schedule(fields["schedule"])})
        except (TypeError, KeyError, ValueError) as error:
            raise UsageError(f"not the fields of a recipe: {fields!r}") from error


_RANGES = (
    ("batch_size", 2, 10**6),
    ("iterations", 1, 10**9),
    ("learning_rate", 0, 1e3),
    ("decay", 0, 1),
    ("ramp", 0, 10**9),
    ("momentum", 0, 1),
    ("weight_decay", 0, 1),
    ("warm_up_rate", 0, 1e3),
    ("warm_up_until_error", 0, 1),
    ("validation_fraction", 0, 1),
    ("pad", 0, 64),
)
_WHOLE = ("batch_size", "iterations", "ramp", "pad")
_POSITIVE = ("learning_rate", "decay", "warm_up_rate")

recipes: Mapping[str, Recipe] = MappingProxyType(
    {
        recipe.name: recipe
        for recipe in (
            Recipe(),
            Recipe(
                name="short",
                batch_size=64,
                iterations=1_000,
                schedule=Schedule.COSINE,
                milestones=(),
                ramp=150,
                nesterov=True,
                warm_up_depth=None,
            ),
        )
    }
)
"""The built-in recipes: He et al. 2015's, and a short one that learns most in a few epochs."""
