"""Rank correlation of two measurements of the same units, with intervals and p values."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm, rankdata

__all__ = ["RankCorrelation", "kendall", "kendall_tau", "spearman", "spearman_rho"]

DRAWS = 9_999
_ROUNDING = 1e-9  # two statistics as close as this are the same number, summed in another order


@dataclass(frozen=True)
class RankCorrelation:
    """How far two measurements put the same units in the same order.

    Attributes
    ----------
    n : int
        Units.
    estimate : float
        In [-1, 1]; NaN where one measurement is the same for all units.
    low, high : float
        Interval of the correlation in the population that the units are drawn from. NaN where
        the units are too few, or the estimate is -1 or 1, which the normal theory says nothing of.
    p : float
        Share of all ways to pair the two measurements whose correlation is at least as far from
        0: exact up to 7 units, beyond that of 9,999 ways drawn and the one observed.
    """

    n: int
    estimate: float
    low: float
    high: float
    p: float


def spearman_rho(first: ArrayLike, second: ArrayLike) -> np.ndarray:
    """Return Spearman's rho: Pearson's correlation of the ranks, ties having their mean rank.

    Units lie along the last axis; the axes before it are broadcast, and kept.

    Examples
    --------
    >>> float(spearman_rho([1, 2, 3, 4, 5, 6], [2, 1, 4, 3, 6, 5]).round(3))
    0.829
    """
    one, other = (_centred_ranks(values) for values in _paired(first, second))
    scale = np.sqrt((one**2).sum(-1) * (other**2).sum(-1))
    return _in_range((one * other).sum(-1), scale)


def kendall_tau(first: ArrayLike, second: ArrayLike) -> np.ndarray:
    """Return Kendall's tau-b: pairs of units in the same order less those in opposite order.

    Pairs that are tied in one measurement count for neither, and less in the denominator.
    Units lie along the last axis; the axes before it are broadcast, and kept.

    Examples
    --------
    >>> float(kendall_tau([1, 2, 2, 3], [1, 1, 2, 3]).round(3))
    0.8
    """
    ranks = np.broadcast_arrays(*(_centred_ranks(values) for values in _paired(first, second)))
    # half ranks are exact in float32, which is twice as fast
    one, other = (np.ascontiguousarray(np.moveaxis(r, -1, 0), dtype=np.float32) for r in ranks)
    both, untied_one, untied_other = (np.zeros(()) for _ in range(3))
    for i in range(len(one) - 1):
        above, below = (np.sign(values[i + 1 :] - values[i]) for values in (one, other))
        both = both + (above * below).sum(0)
        untied_one = untied_one + np.abs(above).sum(0)
        untied_other = untied_other + np.abs(below).sum(0)
    return _in_range(both, np.sqrt(untied_one * untied_other))


def spearman(
    first: Sequence[float], second: Sequence[float], *, confidence: float = 0.95, seed: int = 0
) -> RankCorrelation:
    """Return Spearman's rho with its interval and p value.

    Parameters
    ----------
    first, second : sequence of float
        The two measurements of each unit; infinite ones rank first or last, NaN is refused.
    confidence : float
        Of the interval: Fisher's z with standard error ``sqrt((1 + rho^2 / 2) / (n - 3))``,
        from 4 units on.
    seed : int
        Of the pairings that are drawn for the p value.

    Raises
    ------
    ValueError
        If the two differ in length, have fewer than 2 units, or hold a NaN.

    References
    ----------
    D. G. Bonett, T. A. Wright, "Sample size requirements for estimating Pearson, Kendall and
    Spearman correlations", Psychometrika 65, 23 (2000).

    Examples
    --------
    >>> found = spearman([1, 2, 3, 4, 5, 6], [2, 1, 4, 3, 6, 5])
    >>> round(found.estimate, 3), round(found.low, 3), round(found.high, 3), round(found.p, 3)
    (0.829, -0.127, 0.986, 0.058)
    """
    estimate, n = float(spearman_rho(first, second)), len(first)
    error = math.sqrt((1 + estimate**2 / 2) / (n - 3)) if n > 3 else math.nan
    return _result(n, estimate, error, _p_value(spearman_rho, first, second, seed), confidence)


def kendall(
    first: Sequence[float], second: Sequence[float], *, confidence: float = 0.95, seed: int = 0
) -> RankCorrelation:
    """Return Kendall's tau-b with its interval and p value.

    As :func:`spearman`, with the standard error ``sqrt(0.437 / (n - 4))`` of Fisher's z, from
    5 units on.

    References
    ----------
    E. C. Fieller, H. O. Hartley, E. S. Pearson, "Tests for rank correlation coefficients",
    Biometrika 44, 470 (1957); Bonett and Wright 2000.

    Examples
    --------
    >>> found = kendall([1, 2, 3, 4, 5, 6], [2, 1, 4, 3, 6, 5])
    >>> round(found.estimate, 3), round(found.low, 3), round(found.high, 3), round(found.p, 3)
    (0.6, -0.219, 0.923, 0.136)
    """
    estimate, n = float(kendall_tau(first, second)), len(first)
    error = math.sqrt(0.437 / (n - 4)) if n > 4 else math.nan
    return _result(n, estimate, error, _p_value(kendall_tau, first, second, seed), confidence)


def _paired(first: ArrayLike, second: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    one, other = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if one.shape[-1:] != other.shape[-1:] or one.shape[-1] < 2:
        raise ValueError("a rank correlation wants two measurements of the same 2 or more units")
    if np.isnan(one).any() or np.isnan(other).any():
        raise ValueError("a rank correlation wants numbers that can be put in order; got a NaN")
    return one, other


def _centred_ranks(values: np.ndarray) -> np.ndarray:
    return np.asarray(rankdata(values, axis=-1) - (values.shape[-1] + 1) / 2)


def _in_range(covariance: np.ndarray, scale: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return np.asarray(np.clip(covariance / scale, -1, 1))


def _p_value(
    correlation: Callable[[ArrayLike, ArrayLike], np.ndarray],
    first: Sequence[float],
    second: Sequence[float],
    seed: int,
) -> float:
    """Return the share of pairings whose correlation is as far from 0 as the one observed."""
    n = len(first)
    if math.factorial(n) <= DRAWS:
        orders = np.array(list(itertools.permutations(range(n))))
    else:
        ordered = np.tile(np.arange(n), (DRAWS + 1, 1))
        orders = np.random.default_rng(seed).permuted(ordered, axis=1)
        orders[0] = ordered[0]
    found = np.abs(correlation(first, np.asarray(second, dtype=float)[orders]))
    return float(np.mean(found >= np.abs(correlation(first, second)) - _ROUNDING))


def _result(n: int, estimate: float, error: float, p: float, confidence: float) -> RankCorrelation:
    if math.isnan(estimate):
        return RankCorrelation(n, math.nan, math.nan, math.nan, math.nan)
    if abs(estimate) == 1 or math.isnan(error):
        return RankCorrelation(n, estimate, math.nan, math.nan, p)
    half = float(norm.ppf((1 + confidence) / 2)) * error
    low, high = (math.tanh(math.atanh(estimate) + side * half) for side in (-1, 1))
    return RankCorrelation(n, estimate, low, high, p)
