"""Intervals for the fractions that a test set gives, and for means over runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, stdtrit  # scipy.stats takes a second to import

__all__ = [
    "Spread",
    "mean_interval",
    "median_interval",
    "paired_difference",
    "spread",
    "spread_of_each",
    "wilson",
]


def wilson(successes: int, n: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Return the Wilson score interval of a fraction ``successes / n``, both ends in [0, 1].

    References
    ----------
    E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    JASA 22 (1927); R. G. Newcombe, Statistics in Medicine 17, 857 (1998), method 3.

    Examples
    --------
    >>> low, high = wilson(81, 263)  # Newcombe's first example
    >>> round(low, 4), round(high, 4)
    (0.2553, 0.3662)
    """
    if not 0 <= successes <= n or n < 1:
        raise ValueError(f"wilson wants 0 <= successes <= n and n >= 1; got {successes} of {n}")
    z = float(ndtri((1 + confidence) / 2))
    centre = successes + z * z / 2
    spread = z * math.sqrt(successes * (n - successes) / n + z * z / 4)
    low, high = (centre - spread) / (n + z * z), (centre + spread) / (n + z * z)
    return (0.0 if successes == 0 else low), (1.0 if successes == n else high)


def paired_difference(
    both: int, only_first: int, only_second: int, neither: int, *, confidence: float = 0.95
) -> tuple[float, float, float]:
    """Return ``p1 - p2`` for two fractions seen on the same units, with its interval.

    Parameters
    ----------
    both, only_first, only_second, neither : int
        Units that succeeded under both conditions, under one of them, under none.

    Returns
    -------
    difference, low, high : float
        The difference of the two fractions, in [-1, 1], and its score interval, which
        uses how strongly the two conditions agree.

    References
    ----------
    R. G. Newcombe, "Improved confidence intervals for the difference between binomial
    proportions based on paired data", Statistics in Medicine 17, 2635 (1998), method 10.

    Examples
    --------
    >>> difference, low, high = paired_difference(36, 12, 2, 0)
    >>> round(difference, 4), round(low, 4), round(high, 4)
    (0.2, 0.0569, 0.3404)
    """
    n = both + only_first + only_second + neither
    if n < 1 or min(both, only_first, only_second, neither) < 0:
        raise ValueError("paired_difference wants counts >= 0 that sum to at least 1")
    first, second = both + only_first, both + only_second
    p1, p2 = first / n, second / n
    low1, high1 = wilson(first, n, confidence=confidence)
    low2, high2 = wilson(second, n, confidence=confidence)
    phi = _phi(both, only_first, only_second, neither, n)
    difference = (only_first - only_second) / n
    below = (p1 - low1) ** 2 - 2 * phi * (p1 - low1) * (high2 - p2) + (high2 - p2) ** 2
    above = (p2 - low2) ** 2 - 2 * phi * (p2 - low2) * (high1 - p1) + (high1 - p1) ** 2
    return (
        difference,
        max(-1.0, difference - math.sqrt(max(0.0, below))),
        min(1.0, difference + math.sqrt(max(0.0, above))),
    )


def _phi(both: int, only_first: int, only_second: int, neither: int, n: int) -> float:
    """Correlation of the two conditions, with Newcombe's continuity correction."""
    first, second = both + only_first, both + only_second
    margins = first * (n - first) * second * (n - second)
    if margins == 0:
        return 0.0
    agreement = float(both * neither - only_first * only_second)
    if agreement > 0:
        agreement = max(agreement - n / 2, 0.0)
    return agreement / math.sqrt(margins)


def mean_interval(
    n: int, mean: float, mean_square: float, *, confidence: float = 0.95
) -> tuple[float, float]:
    """Return the normal interval of a mean over many units, from the first two moments.

    Parameters
    ----------
    n : int
        Units; some hundred, if their values are skewed.
    mean, mean_square : float
        Of the values, and of their squares. NaN gives NaN.

    Examples
    --------
    >>> low, high = mean_interval(100, 2.0, 5.0)
    >>> round(low, 4), round(high, 4)
    (1.803, 2.197)
    """
    if n < 2:
        return math.nan, math.nan
    variance = max(0.0, mean_square - mean * mean) * n / (n - 1)
    half = float(ndtri((1 + confidence) / 2)) * math.sqrt(variance / n)
    return mean - half, mean + half


def median_interval(values: Sequence[float], *, confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval of a median by order statistics, whatever the distribution.

    Parameters
    ----------
    values : sequence of float
        Fewer than 6 give no interval of 95 %: both ends are then NaN.

    References
    ----------
    W. J. Conover, "Practical Nonparametric Statistics", section 3.2.

    Examples
    --------
    >>> median_interval([4, 2, 3, 1, 5, 6]), median_interval([1, 2, 3])
    ((1.0, 6.0), (nan, nan))
    """
    from scipy.stats import binom

    ordered = np.sort(np.asarray(values, dtype=float))
    left_out = int(binom.ppf((1 - confidence) / 2, len(ordered), 0.5))
    if left_out < 1:
        return math.nan, math.nan
    return float(ordered[left_out - 1]), float(ordered[-left_out])


@dataclass(frozen=True)
class Spread:
    """A mean over runs.

    Attributes
    ----------
    n : int
        Values.
    mean, sd : float
        Mean and sample standard deviation (n - 1 in the denominator; NaN of one value).
    low, high : float
        Interval of the mean by Student's t; NaN of one value.
    """

    n: int
    mean: float
    sd: float
    low: float
    high: float


def spread(values: Sequence[float], *, confidence: float = 0.95) -> Spread:
    """Return mean, standard deviation and the mean's t interval, for values that vary as normal.

    References
    ----------
    Student, "The probable error of a mean", Biometrika 6 (1908).

    Examples
    --------
    >>> found = spread([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])  # Student's sleep data
    >>> found.n, round(found.mean, 2), round(found.sd, 3), round(found.low, 4), round(found.high, 4)
    (10, 2.33, 2.002, 0.8977, 3.7623)
    """
    if not len(values):
        raise ValueError("spread wants at least one value")
    n, mean = len(values), float(np.mean(values))
    if n == 1:
        return Spread(1, mean, math.nan, math.nan, math.nan)
    sd = float(np.std(values, ddof=1))
    half = float(stdtrit(n - 1, (1 + confidence) / 2)) * sd / math.sqrt(n)
    return Spread(n, mean, sd, mean - half, mean + half)


def spread_of_each(
    keys: npt.ArrayLike, values: npt.ArrayLike, *, confidence: float = 0.95
) -> dict[float, Spread]:
    """Return the spread of the values that share a key, in ascending order of the keys.

    Examples
    --------
    >>> {key: found.mean for key, found in spread_of_each([2, 1, 2], [3.0, 5.0, 4.0]).items()}
    {1.0: 5.0, 2.0: 3.5}
    """
    key, value = np.asarray(keys, dtype=float), np.asarray(values, dtype=float)
    return {float(one): spread(value[key == one], confidence=confidence) for one in np.unique(key)}
