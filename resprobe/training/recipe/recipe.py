"""How a network is trained, as plain numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resprobe.datasets.augmentation import Augmentation, Crop
from resprobe.errors import UsageError
from resprobe.training.recipe.changes import changed, from_text, implied, scaled
from resprobe.training.recipe.consistency import contradiction
from resprobe.training.recipe.fields import FIELDS, Optimiser, Schedule, plain, shown
from resprobe.training.recipe.recipe_file import written

__all__ = ["Optimiser", "Recipe", "Schedule", "completed"]

_LATER = {"epochs", "warm_up_length", "optimiser", "crop", "colour", "crop_size", "short_side"}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Gradient descent for image networks; the defaults are He et al. 2015's for CIFAR.

    Parameters
    ----------
    name : str
        What logs and checkpoints call it.
    batch_size : int
        Images per iteration, at least 2; the last batch of an epoch may be smaller.
    iterations, epochs : int or None
        Length of the run in batches or in passes over the images; one of them is None. What
        follows from it, milestones, ramp and warm-up, counts in the same unit.
    learning_rate : float
        Before any decay.
    schedule : Schedule
        How it falls.
    milestones : tuple of int
        When, counted from 0, the rate is multiplied by ``decay`` once more: rising, none at 0
        or twice; only with :attr:`Schedule.STEPS`.
    decay : float
        In (0, 1].
    ramp : int
        How long the rate rises linearly at first; 0 for not at all.
    optimiser : Optimiser
        What turns gradients into steps.
    momentum, weight_decay : float
        Of the optimiser, the first below 1, and of Adam its beta_1; the decay is added to the
        gradient of every parameter, as in the papers.
    nesterov : bool
        Nesterov's momentum; only with :attr:`Optimiser.SGD`.
    warm_up_depth : int or None
        Networks of this depth or deeper start at ``warm_up_rate``; None for no network.
    warm_up_rate : float
        A rate that is held at first; it never raises that of the schedule.
    warm_up_until_error : float or None
        It is held until the training error falls below this fraction, above 0.
    warm_up_length : int or None
        Or so long; one of the two is None.
    validation_fraction : float
        Share of the training images held out, at most 0.9; 0 holds out none.
    crop, pad, flip, colour, crop_size, short_side
        As in :class:`resprobe.datasets.Augmentation`.

    Raises
    ------
    UsageError
        If a value is out of range, of another type, or does not go with the others.

    References
    ----------
    He et al. 2015, section 4.2.

    Examples
    --------
    >>> Recipe().for_run(45_000, epochs=2).milestones
    (352, 528)
    >>> Recipe(iterations=None, epochs=90, milestones=(30, 60)).for_run(1_280).milestones
    (300, 600)
    """

    name: str = "he2015-cifar"
    batch_size: int = 128
    iterations: int | None = 64_000
    epochs: int | None = None
    learning_rate: float = 0.1
    schedule: Schedule = Schedule.STEPS
    milestones: tuple[int, ...] = (32_000, 48_000)
    decay: float = 0.1
    ramp: int = 0
    optimiser: Optimiser = Optimiser.SGD
    momentum: float = 0.9
    weight_decay: float = 1e-4
    nesterov: bool = False
    warm_up_depth: int | None = 110
    warm_up_rate: float = 0.01
    warm_up_until_error: float | None = 0.80
    warm_up_length: int | None = None
    validation_fraction: float = 0.1
    crop: Crop = Crop.PAD
    pad: int = 4
    flip: bool = True
    colour: bool = False
    crop_size: int = 224
    short_side: tuple[int, int] = (256, 480)

    def __post_init__(self) -> None:
        for field, kind in FIELDS.items():
            try:
                object.__setattr__(self, field, kind.take(getattr(self, field)))
            except ValueError:
                raise self._wrong(field, kind.wanted) from None
        if found := contradiction(self):
            raise self._wrong(*found)

    def _wrong(self, field: str, wanted: str) -> UsageError:
        name, got = shown(str(self.name)).strip("'"), shown(getattr(self, field))
        return UsageError(f"{field} of {name} must be {wanted}; got {got}")

    @property
    def unit(self) -> str:
        """What the length counts: "iterations" or "epochs"."""
        return "iterations" if self.epochs is None else "epochs"

    @property
    def length(self) -> int:
        """Length of the run in its unit; the iterations of what :meth:`for_run` returns."""
        return int(getattr(self, self.unit))

    @property
    def augmentation(self) -> Augmentation:
        """What is done to an image before it is learnt from."""
        names = (field.name for field in dataclasses.fields(Augmentation))
        return Augmentation(**{name: getattr(self, name) for name in names})

    def batches_per_epoch(self, images: int, *, smallest: int = 2) -> int:
        """Return the iterations that an epoch of so many training images takes.

        The last batch may be smaller, but one of fewer than ``smallest`` images (two for each
        process), over which batch normalisation means little or nothing, is left out; which
        images those are changes from epoch to epoch.
        """
        whole, rest = divmod(images, self.batch_size)
        return whole + (rest >= smallest)

    def for_run(self, images: int, *, epochs: int | None = None, smallest: int = 2) -> Recipe:
        """Return the recipe in iterations, for a run over so many images.

        Parameters
        ----------
        images : int
            Images trained on, those held out for validation not counted.
        epochs : int, optional
            Another length, at least 1; milestones, ramp and a warm-up of fixed length are
            scaled to it. Where the run is so short that milestones would be 0 or one, they
            come an iteration apart, the first not before 1, and those after the end fall away.

        Raises
        ------
        UsageError
            If there is no epoch, or less than one batch.
        """
        if epochs is not None and epochs < 1:
            raise UsageError(f"the number of epochs must be at least 1; got {epochs}")
        if self.batches_per_epoch(images, smallest=smallest) < 1:
            raise UsageError(f"training needs at least {smallest} images; got {images}")
        passes = epochs or self.epochs
        if passes is None:
            return self
        iterations = passes * self.batches_per_epoch(images, smallest=smallest)
        return dataclasses.replace(self, **scaled(self, iterations))

    @classmethod
    def read(cls, text: str | Path) -> Recipe:
        """Return a built-in recipe, or the one in a file.

        A file has the fields as its keys, and those that it lacks from ``base``, a built-in
        recipe, ``he2015-cifar`` where it names none; without a ``name`` it has the file's.

        Parameters
        ----------
        text : str or Path
            A name, or a path that ends in ``.toml``.

        Raises
        ------
        UsageError
            If there is no recipe of this name.
        InputError
            If the file cannot be read, is no TOML, or is not a recipe.
        """
        from resprobe.training.recipe.reading import read_recipe  # which reads what is built in

        return read_recipe(text)

    def changed(self, changes: Mapping[str, object]) -> Recipe:
        """Return the recipe with other values, given as such or as text.

        Parameters
        ----------
        changes : mapping
            A text is read as the field wants it: numbers, true or false, several numbers with
            commas between them, "none" for None. Of two fields that exclude each other,
            setting one clears the other.

        Raises
        ------
        UsageError
            If there is no such field, or no such value; or if the length is given in the
            other unit, and not what counts in it; or if a value would have no effect.

        Examples
        --------
        >>> Recipe().changed({"learning_rate": "0.05", "milestones": "100,200"}).milestones
        (100, 200)
        """
        return changed(self, from_text(changes))

    def to_toml(self) -> str:
        """Return the recipe as a file that :meth:`read` takes.

        Examples
        --------
        >>> Recipe().to_toml().splitlines()[:3]
        ['name = "he2015-cifar"', 'batch_size = 128', 'iterations = 64000']
        """
        left_out = implied(self)
        return written({k: v for k, v in self.to_dict().items() if k not in left_out})

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, for a file."""
        return {field: plain(getattr(self, field)) for field in FIELDS}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Recipe:
        """Rebuild from :meth:`to_dict`; UsageError where the fields are not those of a recipe.

        Fields that recipes had from the beginning must be there; of later ones, older files
        mean the defaults.
        """
        wrong = [f"{key} is missing" for key in FIELDS if key not in {*fields, *_LATER}]
        wrong += [f"{shown(key)} is unknown" for key in fields if key not in FIELDS]
        if wrong:
            raise UsageError(f"not the fields of a recipe: {wrong[0]}")
        return cls(**fields)


def completed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Add the fields that recipes have got since a file was written: it means their defaults."""
    defaults = Recipe()
    return {**{field: plain(getattr(defaults, field)) for field in _LATER}, **fields}
