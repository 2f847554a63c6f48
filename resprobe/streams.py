"""Means, variances and quantiles of numbers that are seen once and not kept.

Memory depends on how many figures are followed, never on how many numbers are seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from resprobe.statistics import mean_interval

__all__ = ["LogHistogram", "Moments"]

Array = npt.NDArray[np.float64]


class Moments:
    """Count, mean and variance of several figures, from values or from parts' own moments.

    Parameters
    ----------
    figures : int
        How many are followed side by side.

    Attributes
    ----------
    n, mean : array of shape (figures,)
        Values seen of each figure, and their mean; NaN where none was seen.

    References
    ----------
    T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating formulae and a pairwise algorithm for
    computing sample variances", 1979.

    Examples
    --------
    >>> found = Moments(2)
    >>> found.add([[1.0, 2.0], [5.0, 5.0]])
    >>> found.add([[6.0], [5.0]])
    >>> found.mean.tolist(), found.variance().tolist(), found.n.tolist()
    ([3.0, 5.0], [7.0, 0.0], [3.0, 3.0])
    """

    def __init__(self, figures: int) -> None:
        self.n: Array = np.zeros(figures)
        self._mean: Array = np.zeros(figures)
        self._squares: Array = np.zeros(figures)  # sums of squared differences from the mean

    @property
    def mean(self) -> Array:
        """Mean of the values of each figure."""
        return np.where(self.n > 0, self._mean, math.nan)

    def add(self, values: npt.ArrayLike) -> None:
        """Take new values, (figures, any number)."""
        seen = np.asarray(values, dtype=np.float64)
        if not seen.shape[1]:
            return
        means = seen.mean(1)
        with np.errstate(invalid="ignore"):  # an infinite value has no distance from the mean
            self.merge(seen.shape[1], means, ((seen - means[:, None]) ** 2).sum(1))

    def add_defined(self, values: npt.ArrayLike) -> None:
        """Take new values as :meth:`add` does, of which NaN is none.

        Examples
        --------
        >>> found = Moments(2)
        >>> found.add_defined([[1.0, math.nan, 3.0], [math.nan] * 3])
        >>> found.n.tolist(), found.mean.tolist()
        ([2.0, 0.0], [2.0, nan])
        """
        seen = np.asarray(values, dtype=np.float64)
        defined = ~np.isnan(seen)
        n = defined.sum(1)
        with np.errstate(invalid="ignore"):  # an infinite value has no distance from the mean
            means = np.where(defined, seen, 0.0).sum(1) / np.maximum(n, 1)
            gaps = np.where(defined, seen - means[:, None], 0.0)
            self.merge(n, means, (gaps**2).sum(1))

    def merge(
        self, n: npt.ArrayLike, means: npt.ArrayLike, squares: npt.ArrayLike,
        *, at: slice | int = slice(None),
    ) -> None:  # fmt: skip
        """Take the count, the means, and the summed squared differences from them, of a part.

        Parameters
        ----------
        at : slice or int
            Of which figures; all by default.
        """
        more, mean = np.asarray(n, dtype=np.float64), np.asarray(means, dtype=np.float64)
        whole = self.n[at] + more
        share = more / np.maximum(whole, 1)
        with np.errstate(invalid="ignore"):
            gap = mean - self._mean[at]
            self._squares[at] += np.asarray(squares) + np.where(
                self.n[at] > 0, gap * gap * self.n[at] * share, 0.0
            )
            # an infinite mean stays infinite: only its distance from another is undefined
            self._mean[at] = np.where(
                np.isfinite(gap), self._mean[at] + gap * share, self._mean[at] + mean
            )
        self.n[at] = whole

    def variance(self, *, ddof: int = 1) -> Array:
        """Return the variance of each figure; NaN of too few values."""
        degrees = self.n - ddof
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(degrees > 0, self._squares / degrees, math.nan)

    def standard_error(self) -> Array:
        """Return the standard error of each mean; NaN of fewer than two values."""
        with np.errstate(invalid="ignore", divide="ignore"):
            error: Array = np.sqrt(self.variance() / self.n)
        return error

    def intervals(self) -> tuple[Array, Array]:
        """Return the ends of the 95 % interval of each mean, normal over the values."""
        ends = [
            mean_interval(int(n), float(mean), float(mean) ** 2 + float(variance))
            for n, mean, variance in zip(self.n, self.mean, self.variance(ddof=0), strict=True)
        ]
        low, high = np.array(ends).T
        return low, high


class LogHistogram:
    """How positive numbers are spread over the orders of magnitude; quantiles to 0.05 %.

    Bins have equal width on a logarithmic axis, from 1e-30 to 1e30, and are held from the
    smallest to the largest number seen: some 20 kB for each order of magnitude. What lies beyond
    counts as lying at that end. Zeros and numbers that are not finite are counted apart.

    Parameters
    ----------
    figures : int
        How many are followed side by side.

    Attributes
    ----------
    zeros, infinite, undefined : int array of shape (figures,)
        Values of each figure that are exactly 0, infinite, or NaN.

    Notes
    -----
    A quantile of n values is that of rank ``1 + q (n - 1)``, rounded to a whole rank: no number
    is made up between two values that were seen.

    References
    ----------
    C. Masson, J. E. Rim, H. K. Lee, "DDSketch", VLDB 2019.

    Examples
    --------
    >>> found = LogHistogram(1)
    >>> found.add([[0.5, 2.0, 8.0]])
    >>> [round(float(found.quantiles(q)[0]), 2) for q in (0.0, 0.5, 1.0)]
    [0.5, 2.0, 8.0]
    """

    LOW, HIGH, ACCURACY = 1e-30, 1e30, 5e-4
    _STEP = math.log((1 + ACCURACY) / (1 - ACCURACY))
    _BINS = math.ceil(math.log(HIGH / LOW) / _STEP)

    def __init__(self, figures: int) -> None:
        self.zeros = np.zeros(figures, dtype=np.int64)
        self.infinite = np.zeros(figures, dtype=np.int64)
        self.undefined = np.zeros(figures, dtype=np.int64)
        self._firsts = [0] * figures  # the bin that a figure's counts begin with
        self._counts = [np.zeros(0, dtype=np.int64) for _ in range(figures)]

    def add(self, values: npt.ArrayLike) -> None:
        """Take new numbers, (figures, any number), none of them negative."""
        seen = np.asarray(values, dtype=np.float64)
        self.zeros += (seen == 0).sum(1)
        self.infinite += np.isposinf(seen).sum(1)
        self.undefined += np.isnan(seen).sum(1)
        counted = (seen > 0) & np.isfinite(seen)
        logarithms = np.log(np.where(counted, seen, 1.0) / self.LOW)
        places = np.floor(logarithms / self._STEP).astype(np.int64).clip(0, self._BINS - 1)
        for figure in np.flatnonzero(counted.any(1)).tolist():
            self._count(figure, places[figure, counted[figure]])

    def _count(self, figure: int, places: npt.NDArray[np.int64]) -> None:
        first, counts = self._firsts[figure], self._counts[figure]
        if not len(counts):
            first = int(places.min())
        low = min(first, int(places.min()))
        high = max(first + len(counts), int(places.max()) + 1)
        wider = np.bincount(places - low, minlength=high - low)
        wider[first - low : first - low + len(counts)] += counts
        self._firsts[figure], self._counts[figure] = low, wider

    def quantiles(self, q: float) -> Array:
        """Return the q-quantile of each figure; NaN where one was undefined or none was seen."""
        return np.array([self._quantile(figure, q) for figure in range(len(self._counts))])

    def _quantile(self, figure: int, q: float) -> float:
        counts, zeros = self._counts[figure], int(self.zeros[figure])
        finite = int(counts.sum())
        n = zeros + finite + int(self.infinite[figure])
        if self.undefined[figure] or not n:
            return math.nan
        rank = round(q * (n - 1)) + 1 - zeros
        if rank <= 0:
            return 0.0
        if rank > finite:
            return math.inf
        place = self._firsts[figure] + int(np.searchsorted(np.cumsum(counts), rank))
        return self.LOW * math.exp(self._STEP * place) * (1 + self.ACCURACY)

    def bins(self, figure: int, edges: Sequence[float]) -> list[int]:
        """Return how many positive finite values lie in each bin between ascending ``edges``.

        To the accuracy of the quantiles; values below the first edge and from the last one on
        are in no bin.

        Examples
        --------
        >>> found = LogHistogram(1)
        >>> found.add([[0.5, 2.0, 3.0, 0.0]])
        >>> found.bins(0, [0.1, 1.0, 10.0])
        [1, 2]
        """
        places = np.round(np.log(np.asarray(edges) / self.LOW) / self._STEP).astype(np.int64)
        sums = np.concatenate([[0], np.cumsum(self._counts[figure])])
        inside = (places - self._firsts[figure]).clip(0, len(sums) - 1)
        found: list[int] = np.diff(sums[inside]).tolist()
        return found
