"""How the largest singular value of a branch's Jacobian falls with the depth (property RA4)."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import linregress, t

__all__ = ["Slope", "depth_slopes", "power_law"]


class Slope(NamedTuple):
    """An exponent with its 95 % t interval; NaN where it cannot be had.

    Attributes
    ----------
    slope, low, high : float
        Of log y on log x. The interval wants a degree of freedom: three points at least.
    n : int
        Points.
    """

    slope: float
    low: float
    high: float
    n: int


def power_law(x: list[float], y: list[float], *, confidence: float = 0.95) -> Slope:
    """Fit ``y = c x^slope`` by least squares of the logarithms.

    NaN with fewer than three different ``x``, or where a value is not above 0.

    Examples
    --------
    >>> found = power_law([4, 8, 16, 32], [1.0, 0.5, 0.25, 0.125])
    >>> round(found.slope, 6), found.n
    (-1.0, 4)
    """
    n, nothing = len(x), math.nan
    fine = len(set(x)) > 2 and all(0 < value < math.inf for value in (*x, *y))
    if not fine:
        return Slope(nothing, nothing, nothing, n)
    fit = linregress(np.log(x), np.log(y))
    half = float(t.ppf((1 + confidence) / 2, n - 2)) * float(fit.stderr)
    return Slope(float(fit.slope), float(fit.slope) - half, float(fit.slope) + half, n)


def depth_slopes(frame: pd.DataFrame, plain: dict[str, bool]) -> list[dict[str, Any]]:
    """Return the exponent of sigma_1 in the number of blocks, over residual and plain networks.

    Parameters
    ----------
    frame : DataFrame
        Of the Result "geometry", with several networks. A point is a network: its number of
        blocks, and the mean of ``sigma_1`` over these.
    plain : dict
        Whether each network is plain.

    Returns
    -------
    list of dict
        For each kind of network that there is: ``networks`` ("residual" or "plain"), ``depths``
        (different numbers of blocks), ``slope, low, high, n``.
    """
    found = []
    for name, wanted in (("residual", False), ("plain", True)):
        of_kind = frame[frame["network"].map(lambda n, w=wanted: plain.get(n, False) is w)]
        if of_kind.empty:
            continue
        points = of_kind.groupby("network", sort=False)["sigma_1"].agg(["size", "mean"])
        law = power_law(points["size"].astype(float).tolist(), points["mean"].tolist())
        found.append({"networks": name, "depths": points["size"].nunique(), **law._asdict()})
    return found
