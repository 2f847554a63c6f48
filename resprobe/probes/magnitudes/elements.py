"""Mean and variance over all elements of tensors that are seen batch by batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from resprobe.probes.taps import norms_of
from resprobe.streams import Moments

__all__ = ["Elements", "Rows", "rows_of"]

Array = npt.NDArray[np.float64]

CANCELLING = 1e-3  # a variance below this share of the mean square is summed in float64

_PARTS = ("mean", "square", "sum", "within")


def rows_of(value: Tensor, images: int) -> Tensor:
    """Lay a tensor out as a row for each image; windows of an image are parts of its row."""
    return value.reshape(images, -1)


@dataclass(frozen=True)
class Rows:
    """A tensor of some images, and what its elements are like in each.

    Attributes
    ----------
    tensor : Tensor
        As it was found.
    value : Tensor of shape (images, elements)
    norms : Tensor of shape (images,)
        As :func:`resprobe.probes.taps.norms_of` gives them.
    spread : array of shape (3, images)
        Mean, mean square and variance of an image's elements.
    """

    tensor: Tensor
    value: Tensor
    norms: Tensor
    spread: Array

    @classmethod
    def of(cls, tensor: Tensor, images: int) -> Rows:
        """Go through a tensor."""
        value = rows_of(tensor, images)
        norms = norms_of(value)
        return cls(tensor, value, norms, _spread(value, norms.numpy()))


def _spread(rows: Tensor, norms: Array) -> Array:
    mean: Array = rows.mean(1).cpu().double().numpy()
    with np.errstate(invalid="ignore"):  # what is not finite has no variance
        square = norms**2 / rows.shape[1]
        within = square - mean**2
    if (within < CANCELLING * square).any():
        exact = torch.var_mean(rows.double(), dim=1, correction=0)
        within, mean = (found.cpu().numpy() for found in exact)
        square = within + mean**2
    return np.array([mean, square, within])


class Elements:
    """Standard deviation of several tensors, pooled over images, channels and positions.

    Two numbers are kept for each of an image's tensors, its elements' mean and mean square: as
    many elements in every image make their averages those of all elements.

    Parameters
    ----------
    figures : int
        How many tensors are followed side by side.
    """

    def __init__(self, figures: int) -> None:
        self._found = Moments(len(_PARTS) * figures)

    def add(self, spreads: npt.ArrayLike) -> None:
        """Take each tensor's :attr:`Rows.spread` of some images, (figures, 3, images)."""
        mean, square, within = np.moveaxis(np.asarray(spreads, dtype=np.float64), 1, 0)
        seen = np.stack([mean, square, mean + square, within], axis=1)
        self._found.add(seen.reshape(-1, seen.shape[2]))

    def _part(self, name: str, of: Array) -> Array:
        return of[_PARTS.index(name) :: len(_PARTS)]

    @property
    def n(self) -> Array:
        """Images seen of each tensor."""
        return self._part("mean", self._found.n)

    def std(self) -> Array:
        """Return the standard deviation over all elements of all images."""
        within = self._part("within", self._found.mean)
        found: Array = np.sqrt(within + self._part("mean", self._found.variance(ddof=0)))
        return found

    def standard_error(self) -> Array:
        """Return the standard error of :meth:`std`, the images as the sample (delta method).

        The variance is the mean over images of ``a - 2 m b + m**2``, a and b an image's mean
        square and mean, m the mean of all.
        """
        m, variance = self._part("mean", self._found.mean), self._found.variance()
        a, b = self._part("square", variance), self._part("mean", variance)
        both = (self._part("sum", variance) - a - b) / 2
        spread = np.maximum(a - 4 * m * both + 4 * m**2 * b, 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            error: Array = np.sqrt(spread / self.n) / (2 * self.std())
        return error
