"""Ridge regression on one-hot targets from sums alone: no image's features are kept."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["LinearProbe", "RidgeSums"]

_CONSTANT = 1e-7  # of its mean: a feature that varies less, in float32, does not vary


@dataclass(frozen=True)
class LinearProbe:
    """A linear classifier of standardised features.

    Attributes
    ----------
    mean : Tensor of shape (features,)
        Of the images that it was fitted on.
    weight : Tensor of shape (features, classes)
        Applied to a feature's distance from its mean.
    bias : Tensor of shape (classes,)
        The share of each class among those images.
    """

    mean: Tensor
    weight: Tensor
    bias: Tensor

    def predict(self, features: Tensor) -> Tensor:
        """Return the class of the highest score for each image, (N, features) to (N,)."""
        return ((features - self.mean) @ self.weight + self.bias).argmax(1)


class RidgeSums:
    """What a ridge regression needs of the images: counts, X^T X and X^T Y in float64.

    Memory: ``features * (features + classes)`` numbers, however many images there are.

    Parameters
    ----------
    features, classes : int
        Columns of X, and of the one-hot targets Y.

    Examples
    --------
    >>> sums = RidgeSums(1, 2)
    >>> sums.add(torch.tensor([[-1.0], [1.0]]).double(), torch.tensor([0, 1]))
    >>> sums.solved(1e-9).predict(torch.tensor([[-3.0], [0.5]]).double()).tolist()
    [0, 1]
    """

    def __init__(self, features: int, classes: int) -> None:
        self.n = 0
        self._shift = torch.zeros(features, dtype=torch.float64)
        self._sums = torch.zeros(features, dtype=torch.float64)
        self._gram = torch.zeros(features, features, dtype=torch.float64)
        self._by_class = torch.zeros(classes, features, dtype=torch.float64)
        self._counts = torch.zeros(classes, dtype=torch.float64)

    def add(self, x: Tensor, y: Tensor) -> None:
        """Take features (N, features) in float64 and labels (N,)."""
        if not self.n:
            self._shift = x.mean(0)  # sums of squares far from 0 would lose the variance
        x = x - self._shift
        self.n += len(x)
        self._sums += x.sum(0)
        self._gram += x.T @ x
        self._by_class.index_add_(0, y, x)
        self._counts += torch.bincount(y, minlength=len(self._counts))

    def solved(self, penalty: float) -> LinearProbe:
        """Return the minimiser of ``mean |y - z W - b|^2 + penalty |W|^2``.

        ``z`` are the features with mean 0 and standard deviation 1 over the images taken; one
        that does not vary gets no weight. ``b`` is not penalised.
        """
        mean, shares = self._sums / self.n, self._counts / self.n
        covariance = self._gram / self.n - torch.outer(mean, mean)
        spread = covariance.diagonal().clamp_min(0).sqrt()
        varies = spread > _CONSTANT * (mean + self._shift).abs()
        scale = torch.where(varies, 1 / spread.where(varies, torch.ones_like(spread)), 0.0)
        standard = scale[:, None] * covariance * scale
        ridge = penalty * torch.eye(len(mean), dtype=torch.float64)
        target = scale[:, None] * (self._by_class.T / self.n - torch.outer(mean, shares))
        weight = torch.linalg.solve(standard + ridge, target)
        return LinearProbe(mean + self._shift, scale[:, None] * weight, shares)
