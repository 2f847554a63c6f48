"""The places of a slice, and what its shape says."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from resprobe.errors import UsageError

__all__ = ["MOST_POINTS", "Grid", "shape_facts"]

MOST_POINTS = 1001

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The places that are looked at: evenly spaced, the centre among them.

    Attributes
    ----------
    points : int
        Along each direction: odd, so that one of them is the network itself.
    span : float
        How far the slice reaches to both sides, in lengths of the directions.
    line : bool
        Whether there is one direction, and not two.

    Raises
    ------
    UsageError
        If one of them is out of range.
    """

    points: int
    span: float
    line: bool = False

    def __post_init__(self) -> None:
        if not 3 <= self.points <= MOST_POINTS or self.points % 2 == 0:
            raise UsageError(
                f"{self.points} points along a direction were asked for; give an odd number from "
                f"3 to {MOST_POINTS:,}, so that the network itself is one of them"
            )
        if not 0 < self.span < math.inf:
            raise UsageError(f"a span of {self.span} was asked for; give a number above 0")

    @property
    def along(self) -> list[float]:
        """The steps along a direction, the middle one exactly 0.

        Examples
        --------
        >>> Grid(points=5, span=1.0).along
        [-1.0, -0.5, 0.0, 0.5, 1.0]
        """
        half = self.points // 2
        return [self.span * ((place - half) / half) for place in range(self.points)]

    @property
    def places(self) -> list[tuple[float, ...]]:
        """All places, row by row: the first direction's step changes last."""
        if self.line:
            return [(a,) for a in self.along]
        return [(a, b) for a in self.along for b in self.along]


def shape_facts(losses: Array) -> dict[str, Any]:
    """Say how smooth a slice is, from its losses on a grid with the network in the middle.

    Parameters
    ----------
    losses : array of shape (points,) or (points, points)
        Infinite or undefined ones are far up, where a difference from them is asked for.

    Returns
    -------
    dict
        ``centre``, ``lowest``, ``highest`` (of the finite losses); ``rays_rising``: the share
        of the rays from the centre (2 on a line, 8 on a plane: along the axes and diagonals)
        on which the loss rises with every step; ``outward_rising``: the share of all steps
        between neighbours on the grid, away from the centre along an axis, on which it rises;
        ``negative_curvature``: the share of second differences along the axes that are
        negative, 0 for a convex slice; ``not_finite``: places whose loss is not.

    Examples
    --------
    >>> shape_facts(np.array([4.0, 1.0, 0.0, 1.0, 4.0]))["rays_rising"]
    1.0
    >>> shape_facts(np.array([1.0, 4.0, 0.0, 4.0, 1.0]))["negative_curvature"]
    0.6666666666666666
    """
    finite = losses[np.isfinite(losses)]
    heights = np.where(np.isfinite(losses), losses, math.inf)
    half = len(losses) // 2
    return {
        "centre": float(losses[(half,) * losses.ndim]),
        "lowest": float(finite.min()) if len(finite) else math.nan,
        "highest": float(finite.max()) if len(finite) else math.nan,
        "rays_rising": _mean([_rises(ray).all() for ray in _rays(heights)]),
        "outward_rising": _mean(
            [_rises(half_line) for line in _lines(heights)
             for half_line in (line[half:], line[half::-1])]
        ),
        "negative_curvature": _mean([_bends_down(line) for line in _lines(losses)]),
        "not_finite": int(losses.size - len(finite)),
    }  # fmt: skip


def _lines(losses: Array) -> list[Array]:
    return [losses] if losses.ndim == 1 else [*losses, *losses.T]


def _rays(losses: Array) -> list[Array]:
    half = len(losses) // 2
    middle = [losses] if losses.ndim == 1 else [losses[half], losses[:, half]]
    if losses.ndim == 2:
        middle += [losses.diagonal(), np.fliplr(losses).diagonal()]
    return [ray for line in middle for ray in (line[half:], line[half::-1])]


def _rises(line: Array) -> npt.NDArray[np.bool_]:
    return line[1:] > line[:-1]


def _bends_down(line: Array) -> npt.NDArray[np.bool_]:
    """Tell where the second difference of three finite losses in a row is negative."""
    finite = np.isfinite(line)
    whole = finite[:-2] & finite[1:-1] & finite[2:]
    with np.errstate(invalid="ignore"):
        second = line[:-2] - 2 * line[1:-1] + line[2:]
    found: npt.NDArray[np.bool_] = second[whole] < 0
    return found


def _mean(parts: list[Any]) -> float:
    flat = np.concatenate([np.atleast_1d(part) for part in parts]) if parts else np.zeros(0)
    return float(flat.mean()) if len(flat) else math.nan
