"""When a lesion has been measured narrowly enough.

Images come in an order drawn at random, and are looked at after 128, 256, 512, ... of them. A
lesion whose interval is narrow enough at a look is not measured further. An interval that one
may stop at must hold at every look: each has the level 1 - 0.05 / looks, so that, by the union
bound, all of them hold together with 95 % or more, whatever one stops at.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from resprobe.errors import UsageError

__all__ = ["check_tolerance", "confidence_of", "looks", "needed", "shuffled"]

FIRST = 128
LEVEL = 0.95


def looks(images: int) -> list[int]:
    """Return after how many images one looks.

    Examples
    --------
    >>> looks(1000), looks(100)
    ([128, 256, 512, 1000], [100])
    """
    sizes = []
    size = FIRST
    while size < images:
        sizes.append(size)
        size *= 2
    return [*sizes, images]


def confidence_of(number_of_looks: int) -> float:
    """Return the level of each interval, such that all looks together have 95 %.

    Examples
    --------
    >>> confidence_of(1), round(confidence_of(4), 4)
    (0.95, 0.9875)
    """
    return 1 - (1 - LEVEL) / number_of_looks


def check_tolerance(tolerance: float) -> None:
    """Raise UsageError unless it is a fraction above 0."""
    if not 0 < tolerance < 1:
        raise UsageError(
            f"the tolerance is half the width of an interval, above 0 and below 1; got {tolerance}"
        )


def needed(wide: Sequence[bool], parts: Sequence[Sequence[int]]) -> list[int]:
    """Return which programs go on: the intact one, those still wide, and what they are made of.

    Examples
    --------
    >>> needed([False, False, False, True], [(), (), (), (1, 2)])
    [0, 1, 2, 3]
    """
    going = {0} | {number for number, is_wide in enumerate(wide) if is_wide}
    going |= {part for number in list(going) for part in parts[number]}
    return sorted(going)


def shuffled(images: int, seed: int) -> Tensor:
    """Return the order in which images come."""
    return torch.randperm(images, generator=torch.Generator().manual_seed(seed))
