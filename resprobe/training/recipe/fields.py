"""The fields of a recipe: what each may hold, and how it is read from text."""

from __future__ import annotations

import enum
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from resprobe.datasets.augmentation import Crop

__all__ = ["FIELDS", "Kind", "Optimiser", "Schedule", "plain", "shown"]


class Schedule(enum.Enum):
    """How the learning rate falls."""

    STEPS = "steps"
    """Multiplied by a factor at each milestone."""
    COSINE = "cosine"
    """Along half a cosine that would be at 0 right after the last iteration."""


class Optimiser(enum.Enum):
    """What the gradient of a weight becomes a step by."""

    SGD = "sgd"
    """Stochastic gradient descent with momentum."""
    ADAM = "adam"
    """Adam (Kingma and Ba 2015), with the weight decay added to the gradient."""


class Kind(Protocol):
    """What a field may hold."""

    @property
    def wanted(self) -> str:
        """What an error says was wanted."""

    def take(self, value: object) -> object:
        """Return the value as a recipe keeps it; ValueError where it is none of this kind."""

    def read(self, text: str) -> object:
        """Return what a text means; what means nothing is returned as it is, for ``take``."""


@dataclass(frozen=True, kw_only=True)
class Number:
    """A number in a range; its ends belong to it, the lower not where ``above``."""

    low: float
    high: float
    whole: bool = False
    above: bool = False
    below: bool = False

    @property
    def wanted(self) -> str:
        """Such as "a whole number from 2 to 1,000,000"."""
        low, high = f"{self.low:,}", f"{self.high:,}"
        to = "to below" if self.below else "to"
        ends = f"above {low} and at most {high}" if self.above else f"from {low} {to} {high}"
        return f"a {'whole ' * self.whole}number {ends}"

    def take(self, value: object) -> float:
        """Return an int where it is whole, else a float."""
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            raise ValueError(value)
        inside = self.low <= value <= self.high  # which no NaN is
        if not inside or (self.above and value == self.low) or (self.below and value == self.high):
            raise ValueError(value)
        return value if self.whole else float(value)

    def read(self, text: str) -> object:
        """Return the number that is written."""
        try:
            return int(text) if self.whole else float(text)
        except ValueError:
            return text


@dataclass(frozen=True)
class Optional:
    """Another kind, or None, which a file and a command line call none."""

    kind: Kind

    @property
    def wanted(self) -> str:
        """Such as "a number from 0 to 1, or none"."""
        return f"{self.kind.wanted}, or none"

    def take(self, value: object) -> object:
        """Return the value or None."""
        return None if value is None or value == "none" else self.kind.take(value)

    def read(self, text: str) -> object:
        """Return what is written, or None."""
        return None if text == "none" else self.kind.read(text)


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """Whole numbers in rising order: any count of them, or ``count``; ``apart``, none twice."""

    low: int
    count: int | None = None
    apart: bool = False

    @property
    def wanted(self) -> str:
        """Such as "2 whole numbers >= 1 in rising order"."""
        order = ", each above the one before" if self.apart else " in rising order"
        return f"{self.count or ''} whole numbers >= {self.low}{order}".strip()

    def take(self, value: object) -> tuple[int, ...]:
        """Return a tuple of int."""
        if not isinstance(value, list | tuple) or self.count not in (None, len(value)):
            raise ValueError(value)
        if any(type(at) is not int or at < self.low for at in value):
            raise ValueError(value)
        if list(value) != sorted(set(value) if self.apart else value):
            raise ValueError(value)
        return tuple(value)

    def read(self, text: str) -> object:
        """Return the numbers between the commas; none in an empty text."""
        try:
            return tuple(int(part) for part in text.split(",")) if text.strip() else ()
        except ValueError:
            return text


@dataclass(frozen=True)
class Choice:
    """A member of an enum, or its text."""

    options: type[enum.Enum]

    @property
    def wanted(self) -> str:
        """Such as "steps or cosine"."""
        *most, last = (str(option.value) for option in self.options)
        return f"{', '.join(most)} or {last}"

    def take(self, value: object) -> enum.Enum:
        """Return the member."""
        return self.options(value)

    def read(self, text: str) -> object:
        """Return the text, which is what a file has too."""
        return text


@dataclass(frozen=True)
class Flag:
    """True or false."""

    wanted: str = "true or false"

    def take(self, value: object) -> bool:
        """Return the bool; a number is none."""
        if not isinstance(value, bool):
            raise ValueError(value)
        return value

    def read(self, text: str) -> object:
        """Return what "true" or "false" says."""
        return {"true": True, "false": False}.get(text.lower(), text)


@dataclass(frozen=True)
class Name:
    """One line that can be printed, of at most 100 letters."""

    wanted: str = "1 to 100 printable letters"

    def take(self, value: object) -> str:
        """Return the text."""
        if not isinstance(value, str) or not value.isprintable() or not 0 < len(value) <= 100:
            raise ValueError(value)
        return value

    def read(self, text: str) -> object:
        """Return the text."""
        return text


_SHARE = Number(low=0, high=1)
_RATE = Number(low=0, high=1_000, above=True)

FIELDS: Mapping[str, Kind] = MappingProxyType(
    {
        "name": Name(),
        "batch_size": Number(low=2, high=10**6, whole=True),
        "iterations": Optional(Number(low=1, high=10**15, whole=True)),
        "epochs": Optional(Number(low=1, high=10**8, whole=True)),
        "learning_rate": _RATE,
        "schedule": Choice(Schedule),
        "milestones": Numbers(low=1, apart=True),
        "decay": Number(low=0, high=1, above=True),
        "ramp": Number(low=0, high=10**15, whole=True),
        "optimiser": Choice(Optimiser),
        "momentum": Number(low=0, high=1, below=True),
        "weight_decay": _SHARE,
        "nesterov": Flag(),
        "warm_up_depth": Optional(Number(low=1, high=10**9, whole=True)),
        "warm_up_rate": _RATE,
        "warm_up_until_error": Optional(Number(low=0, high=1, above=True)),
        "warm_up_length": Optional(Number(low=1, high=10**15, whole=True)),
        "validation_fraction": Number(low=0, high=0.9),
        "crop": Choice(Crop),
        "pad": Number(low=0, high=64, whole=True),
        "flip": Flag(),
        "colour": Flag(),
        "crop_size": Number(low=1, high=10_000, whole=True),
        "short_side": Numbers(low=1, count=2),
    }
)
"""Every field of a recipe, in the order in which it is printed."""


def plain(value: object) -> object:
    """Return a field's value as a file keeps it.

    Examples
    --------
    >>> plain(Schedule.COSINE), plain((1, 2)), plain(None)
    ('cosine', [1, 2], None)
    """
    if isinstance(value, enum.Enum):
        return value.value
    return list(value) if isinstance(value, tuple) else value


def shown(value: object) -> str:
    """Return a value for an error's sentence, long ones cut.

    Examples
    --------
    >>> shown("x" * 1_000), shown((32_000, 48_000))
    ("'xxxxxxxxxxxx...xxxxxxxxxxxxx'", '(32000, 48000)')
    """
    try:
        return reprlib.repr(value)
    except ValueError:  # Python writes no integer of more than some thousand digits
        return "a number of thousands of digits"
