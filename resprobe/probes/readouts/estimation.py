"""How far each block's output is from its stage's, image by image and over all images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

from resprobe.chain import Chain
from resprobe.streams import Moments

__all__ = ["ImageMoments", "StageErrors", "moments_of", "stage_ends"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ImageMoments:
    """Mean over the elements of each image's tensor, and summed squared distance from it.

    Attributes
    ----------
    mean, squares : array of shape (N,)
    elements : int
    """

    mean: Array
    squares: Array
    elements: int


def moments_of(values: Tensor) -> ImageMoments:
    """Return the moments of a tensor (N, ...), image by image, in float64."""
    rows = values.flatten(1)
    rows = rows.cpu().double() if rows.device.type == "mps" else rows.double()
    mean = rows.mean(1)
    squares = (rows - mean[:, None]).square_().sum(1)
    return ImageMoments(mean.cpu().numpy(), squares.cpu().numpy(), rows.shape[1])


def stage_ends(chain: Chain) -> list[int]:
    """Return for each block the number of the last block of its stage."""
    last = {block.stage: number for number, block in enumerate(chain.blocks)}
    return [last[block.stage] for block in chain.blocks]


class StageErrors:
    """The errors ``x_k - x_K`` of every block, seen once; K is the last block of k's stage.

    Parameters
    ----------
    ends : sequence of int
        For each block the last one of its stage.

    Notes
    -----
    Pooled over images, positions and channels by Chan's updates, from moments that are centred
    image by image: nothing large is subtracted from something large. Standard errors take the
    images as the sample, not their positions, by the delta method: with m and q an image's mean
    of e and of e^2, the variance moves with ``q - 2 M m``.
    """

    def __init__(self, ends: Sequence[int]) -> None:
        self._ends = tuple(ends)
        blocks = len(self._ends)
        self._pooled, self._whole = Moments(blocks), Moments(blocks)
        # of each image: m, q, and m + q, whose variance holds the covariance of the two
        self._images = Moments(3 * blocks)

    @staticmethod
    def seen(ends: Sequence[int], outputs: Sequence[Tensor]) -> list[tuple[ImageMoments, ...]]:
        """Return, block by block, the moments of the error and of the stage's output."""
        whole = {last: moments_of(outputs[last]) for last in dict.fromkeys(ends)}
        return [
            (moments_of(out.reshape(outputs[last].shape) - outputs[last]), whole[last])
            for out, last in zip(outputs, ends, strict=True)
        ]

    def add(self, seen: Sequence[tuple[ImageMoments, ...]]) -> None:
        """Take what :meth:`seen` gives of some images."""
        rows = []
        for number, (error, whole) in enumerate(seen):
            for moments, one in ((self._pooled, error), (self._whole, whole)):
                mean = one.mean.mean()
                apart = one.elements * ((one.mean - mean) ** 2).sum()
                moments.merge(
                    len(one.mean) * one.elements, mean, one.squares.sum() + apart, at=number
                )
            square = error.squares / error.elements + error.mean**2
            rows += [error.mean, square, error.mean + square]
        self._images.add(rows)

    def columns(self) -> dict[str, Array]:
        """Return mean and standard deviation of each block's error, with standard errors."""
        std, whole = (np.sqrt(m.variance(ddof=0)) for m in (self._pooled, self._whole))
        mean_of, _, _ = self._images.mean.reshape(-1, 3).T
        m, q, both = self._images.variance().reshape(-1, 3).T
        variance = q - 2 * mean_of * (both - m - q) + 4 * mean_of**2 * m
        n = self._images.n[::3]
        with np.errstate(invalid="ignore", divide="ignore"):
            std_se = np.where(std > 0, np.sqrt(np.maximum(variance, 0) / n) / (2 * std), 0.0)
            relative = {"error_mean_relative": self._pooled.mean / whole,
                        "error_std_relative": std / whole}  # fmt: skip
        return {
            "error_mean": self._pooled.mean,
            "error_mean_se": np.sqrt(m / n),
            "error_std": std,
            "error_std_se": np.where(n > 1, std_se, np.nan),
            "stage_std": whole,
            **relative,
        }
