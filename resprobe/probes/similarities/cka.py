"""CKA from the HSIC of many small batches, with a jackknife over groups of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import t

__all__ = ["GROUPS", "Estimate", "HsicSums", "cka_of"]

Array = npt.NDArray[np.float64]
GROUPS = 20


class Estimate(NamedTuple):
    """A figure, its jackknife standard error, and the ends of its 95 % interval."""

    value: Array
    se: Array
    low: Array
    high: Array


def cka_of(hsic: Array) -> Array:
    """Return ``HSIC(k, l) / sqrt(HSIC(k, k) HSIC(l, l))``; NaN where a layer's own is not above 0.

    Examples
    --------
    >>> cka_of(np.array([[4.0, 3.0], [3.0, 9.0]])).tolist()
    [[1.0, 0.5], [0.5, 1.0]]
    """
    own = np.diag(hsic)
    own = np.where(own > 0, own, math.nan)
    return np.asarray(hsic / np.sqrt(np.outer(own, own)))


class HsicSums:
    """HSIC of every pair of layers, summed over batches in up to 20 groups.

    Memory: ``20 * layers**2`` numbers, however many batches there are.

    Parameters
    ----------
    layers, batches : int
        How many there are.

    Notes
    -----
    HSIC_1 of a batch is unbiased, whatever the batch's size; a figure is made of their means
    over batches (Nguyen et al. 2021, equation 3). Its standard error is that of the jackknife
    that leaves out one group of batches at a time.
    """

    def __init__(self, layers: int, batches: int) -> None:
        self.groups = min(GROUPS, batches)
        self._sums: Array = np.zeros((self.groups, layers, layers))
        self._counts = np.zeros(self.groups)
        self._seen = 0

    def add(self, hsic: Array) -> None:
        """Take one batch's (layers, layers)."""
        group = self._seen % self.groups
        self._sums[group] += hsic
        self._counts[group] += 1
        self._seen += 1

    def mean(self) -> Array:
        """Return the mean over all batches, (layers, layers)."""
        return np.asarray(self._sums.sum(0) / self._counts.sum())

    def estimate(self, figure: Callable[[Array], Array]) -> Estimate:
        """Return a figure of the CKA of all pairs, and how much it varies with the images.

        Parameters
        ----------
        figure : callable
            From the CKA (layers, layers) to an array of any shape.
        """
        value = figure(cka_of(self.mean()))
        if self.groups < 2:
            unknown = np.full_like(value, math.nan)
            return Estimate(value, unknown, unknown, unknown)
        whole, counts = self._sums.sum(0), self._counts
        mean, squares = np.zeros_like(value), np.zeros_like(value)
        for number, (part, count) in enumerate(zip(self._sums, counts, strict=True), start=1):
            left = figure(cka_of((whole - part) / (counts.sum() - count)))
            gap = left - mean
            mean = mean + gap / number
            squares = squares + gap * (left - mean)
        se = np.sqrt((self.groups - 1) / self.groups * squares)
        half = float(t.ppf(0.975, self.groups - 1)) * se
        return Estimate(value, se, value - half, value + half)
