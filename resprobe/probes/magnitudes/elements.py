"""Mean and variance over all elements of tensors that are seen batch by batch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from resprobe.probes.taps import norms_of
from resprobe.streams import Moments

__all__ = ["Elements", "rows_of"]

CANCELLING = 1e-3  # a variance below this share of the mean square is summed in float64

_PARTS = ("mean", "square", "sum", "within")


def rows_of(value: Tensor, images: int) -> Tensor:
    """Lay a tensor out as a row for each image; windows of an image are parts of its row."""
    return value.reshape(images, -1)


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

    def add(self, figure: int, rows: Tensor, norms: Tensor | None = None) -> None:
        """Take a tensor of some images, (images, elements); ``norms`` are its rows', if known."""
        norms = norms_of(rows) if norms is None else norms
        mean = rows.mean(1).cpu().double()
        square = norms**2 / rows.shape[1]
        within = square - mean**2
        if bool((within < CANCELLING * square).any()):
            exact = rows.double()
            within, mean = (found.cpu() for found in torch.var_mean(exact, dim=1, correction=0))
            square = within + mean**2
        seen = torch.stack([mean, square, mean + square, within]).numpy()
        centres = seen.mean(1)
        first = len(_PARTS) * figure
        self._found.merge(
            seen.shape[1],
            centres,
            ((seen - centres[:, None]) ** 2).sum(1),
            at=slice(first, first + len(_PARTS)),
        )

    def _part(self, name: str, of: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return of[_PARTS.index(name) :: len(_PARTS)]

    @property
    def n(self) -> npt.NDArray[np.float64]:
        """Images seen of each tensor."""
        return self._part("mean", self._found.n)

    def std(self) -> npt.NDArray[np.float64]:
        """Return the standard deviation over all elements of all images."""
        within = self._part("within", self._found.mean)
        found: npt.NDArray[np.float64] = np.sqrt(
            within + self._part("mean", self._found.variance(ddof=0))
        )
        return found

    def standard_error(self) -> npt.NDArray[np.float64]:
        """Return the standard error of :meth:`std`, the images as the sample (delta method).

        The variance is the mean over images of ``a - 2 m b + m**2``, a and b an image's mean
        square and mean, m the mean of all.
        """
        m, variance = self._part("mean", self._found.mean), self._found.variance()
        a, b = self._part("square", variance), self._part("mean", variance)
        both = (self._part("sum", variance) - a - b) / 2
        spread = np.maximum(a - 4 * m * both + 4 * m**2 * b, 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            error: npt.NDArray[np.float64] = np.sqrt(spread / self.n) / (2 * self.std())
        return error
