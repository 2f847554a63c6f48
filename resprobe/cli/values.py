"""What stands behind an option, as text, becomes numbers here."""

from __future__ import annotations

import math

from resprobe.errors import UsageError

__all__ = ["length_range", "numbers", "share", "whole_numbers"]


def share(text: str, *, option: str) -> float:
    """Read a share of a whole, in percent or as a fraction.

    Raises
    ------
    UsageError
        If it is no number from 0 to 1 (100 %).

    Examples
    --------
    >>> share("0.5%", option="--tolerance"), share("0.005", option="--tolerance")
    (0.005, 0.005)
    """
    number, percent, rest = text.strip().partition("%")
    try:
        value = float(number) / (100 if percent else 1)
    except ValueError:
        value = math.nan
    if rest or not 0 <= value <= 1:
        raise UsageError(f"{option} {text}: wanted a share from 0 to 1, such as 0.5% or 0.005")
    return value


def numbers(text: str, *, option: str) -> tuple[float, ...]:
    """Read numbers with commas between them.

    Raises
    ------
    UsageError
        If one of them is no number.

    Examples
    --------
    >>> numbers("0,0.5, 1", option="--alphas")
    (0.0, 0.5, 1.0)
    """
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        found = (math.nan,)
    if not all(map(math.isfinite, found)):
        raise UsageError(f"{option} {text}: wanted numbers with commas, such as 0,0.5,1")
    return found


def whole_numbers(text: str, *, option: str) -> tuple[int, ...]:
    """Read whole numbers with commas between them.

    Raises
    ------
    UsageError
        If one of them is none.

    Examples
    --------
    >>> whole_numbers("2,3", option="--times")
    (2, 3)
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(
            f"{option} {text}: wanted whole numbers with commas, such as 2,3"
        ) from None


def length_range(text: str, *, option: str) -> tuple[int, int]:
    """Read a range of lengths, both ends inclusive.

    Raises
    ------
    UsageError
        If it is not two whole numbers.

    Examples
    --------
    >>> length_range("5-17", option="--lengths"), length_range("3", option="--lengths")
    ((5, 17), (3, 3))
    """
    low, dash, high = text.strip().partition("-")
    try:
        return int(low), int(high if dash else low)
    except ValueError as error:
        raise UsageError(f"{option} {text}: wanted a range of lengths, such as 5-17") from error
