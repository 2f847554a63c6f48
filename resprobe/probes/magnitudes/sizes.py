"""The size of branch and shortcut of every block, reduced as they pass."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from resprobe.chain import Chain, Passage
from resprobe.errors import ResprobeError
from resprobe.probes.magnitudes.elements import Elements, rows_of
from resprobe.probes.taps import norms_of
from resprobe.streams import LogHistogram, Moments

__all__ = ["BranchSizes"]

Array = npt.NDArray[np.float64]
SMALL = 1e-15


class BranchSizes:
    """Follows the blocks of a chain; of every image some numbers are taken and none is kept."""

    _FIGURES = ("ratio", "branch_norm", "shortcut_norm", "cosine", "negative_share")

    def __init__(self, chain: Chain) -> None:
        self._blocks = len(chain.blocks)
        self._figures = Moments(len(self._FIGURES) * self._blocks)
        self._ratios, self._branch = LogHistogram(self._blocks), Elements(self._blocks)
        self._images = 0
        self._fresh: list[npt.ArrayLike] = []

    def begin(self, images: int) -> None:
        """Make ready for a batch of so many images."""
        self._images = images

    def see(self, passed: Passage) -> None:
        """Take a step of the chain, as :func:`resprobe.chain.pass_through` shows it."""
        images = self._images
        if passed.number is None:
            return
        if passed.branch is None or passed.shortcut is None or passed.total is None:
            _check_finite(norms_of(rows_of(passed.end, images)), passed.step.name)
            return
        branch, shortcut = (
            rows_of(part.expand_as(passed.total), images)
            for part in (passed.branch, passed.shortcut)
        )
        sizes = norms_of(branch), norms_of(shortcut)
        for size in sizes:
            _check_finite(size, passed.step.name)
        ratio = (sizes[0] / sizes[1]).numpy()
        self._add(
            passed.number,
            ratio,
            sizes[0].numpy(),
            sizes[1].numpy(),
            _cosines(branch, shortcut, *sizes),
            _negative(rows_of(passed.total, images)),
        )
        self._branch.add(passed.number, branch, sizes[0])
        self._fresh.append(ratio)
        if len(self._fresh) == self._blocks:
            self._ratios.add(np.stack(self._fresh))
            self._fresh.clear()

    def _add(self, block: int, *figures: Array) -> None:
        """Take the numbers of each image; an undefined cosine is no number of an image's."""
        seen = np.stack(figures)
        undefined = np.isnan(seen)
        undefined[[name != "cosine" for name in self._FIGURES]] = False
        n = (~undefined).sum(1)
        first = len(self._FIGURES) * block
        with np.errstate(invalid="ignore"):
            centres = np.where(undefined, 0.0, seen).sum(1) / np.maximum(n, 1)
            gaps = np.where(undefined, 0.0, seen - centres[:, None])
            self._figures.merge(
                n, centres, (gaps**2).sum(1), at=slice(first, first + len(self._FIGURES))
            )

    def _of(self, figure: str, found: Array) -> Array:
        return found[self._FIGURES.index(figure) :: len(self._FIGURES)]

    def columns(self) -> dict[str, Any]:
        """Return the columns of the table; NaN for plain blocks."""
        quantiles = {
            f"ratio_q{percent}": self._ratios.quantiles(percent / 100) for percent in (10, 50, 90)
        }
        means, errors = self._figures.mean, self._figures.standard_error()
        return {
            "ratio": self._of("ratio", means),
            "ratio_se": self._of("ratio", errors),
            **quantiles,
            "branch_norm": self._of("branch_norm", means),
            "shortcut_norm": self._of("shortcut_norm", means),
            "response_std": np.where(self._branch.n > 0, self._branch.std(), math.nan),
            "cosine": self._of("cosine", means),
            "cosine_se": self._of("cosine", errors),
            "negative_share": self._of("negative_share", means),
        }


def _cosines(branch: Tensor, shortcut: Tensor, by: Tensor, of: Tensor) -> Array:
    """Return each image's cosine; NaN where one of the two is all 0."""
    if all(float(norms.min()) > SMALL and float(norms.max()) < 1 / SMALL for norms in (by, of)):
        dots, size = torch.linalg.vecdot(branch, shortcut), by * of
    else:  # dividing first: the product of two such norms could leave float32's range
        unit = branch / by.to(branch.dtype).to(branch.device).clamp_min(1e-30)[:, None]
        dots, size = torch.linalg.vecdot(unit, shortcut), of
    cosines = torch.where((by > 0) & (of > 0), dots.cpu().double() / size, math.nan)
    found: Array = cosines.numpy()
    return found


def _negative(total: Tensor) -> Array:
    """Return each image's share of elements below 0."""
    # written as 0 and 1 into floats: their mean is several times faster than counting
    below = torch.lt(total, 0, out=torch.empty_like(total))
    found: Array = (below.sum(1).cpu().double() / total.shape[1]).numpy()
    return found


def _check_finite(norms: Tensor, block: str) -> None:
    if not norms.isfinite().all():
        raise ResprobeError(
            f"block {block} gives numbers that are not finite; check the weights, and for a "
            "network at initialisation use the batch's statistics in BatchNorm"
        )
