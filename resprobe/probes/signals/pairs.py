"""How alike the gradients of different images are, without keeping any."""

from __future__ import annotations

import math

from torch import Tensor

from resprobe.probes.taps import norms_of

__all__ = ["Pairs"]


class Pairs:
    """Mean inner product of all pairs of vectors, from their sum and their squared norms.

    sum over a != b of <g_a, g_b> is |sum g|^2 - sum |g|^2: exact, in the memory of one vector.

    Examples
    --------
    >>> import torch
    >>> found = Pairs()
    >>> found.add(torch.tensor([[1.0, 0.0], [1.0, 1.0]]))
    >>> found.add(torch.tensor([[0.0, 1.0]]))
    >>> found.n, round(found.mean_square, 6)  # squares 1, 2, 1
    (3, 1.333333)
    >>> round(found.correlation, 6)  # inner products 1, 0, 1
    0.5
    """

    def __init__(self) -> None:
        self.n = 0
        self._total: Tensor | None = None
        self._squares = 0.0

    def add(self, vectors: Tensor) -> None:
        """Take the vectors of some images, (N, ...)."""
        rows = vectors.detach().flatten(1).cpu()
        # float32 holds the sum of a batch to 1e-7 of its largest terms; batches add in float64
        total = rows.sum(0).double()
        self._total = total if self._total is None else self._total + total
        self._squares += float((norms_of(rows) ** 2).sum())
        self.n += len(rows)

    @property
    def mean_square(self) -> float:
        """Mean squared norm."""
        return self._squares / self.n

    @property
    def correlation(self) -> float:
        """Mean inner product over all pairs of different images, over the mean squared norm.

        NaN of one image, and where all are 0.
        """
        if self._total is None or self.n < 2 or not self._squares:
            return math.nan
        pairs = float(self._total.square().sum()) - self._squares
        return pairs / (self.n * (self.n - 1)) / self.mean_square
