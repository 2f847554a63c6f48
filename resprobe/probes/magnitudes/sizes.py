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


class BranchSizes:
    """Follows the blocks of a chain; of every image some numbers are taken and none is kept."""

    _FIGURES = ("ratio", "branch_norm", "shortcut_norm", "cosine", "negative_share")

    def __init__(self, chain: Chain) -> None:
        self._blocks = len(chain.blocks)
        self._figures = {name: Moments(self._blocks) for name in self._FIGURES}
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
        self._add("ratio", passed.number, ratio)
        self._add("branch_norm", passed.number, sizes[0].numpy())
        self._add("shortcut_norm", passed.number, sizes[1].numpy())
        self._add("cosine", passed.number, _cosines(branch, shortcut, *sizes))
        self._add("negative_share", passed.number, _negative(rows_of(passed.total, images)))
        self._branch.add(passed.number, branch, sizes[0])
        self._fresh.append(ratio)
        if len(self._fresh) == self._blocks:
            self._ratios.add(np.stack(self._fresh))
            self._fresh.clear()

    def _add(self, figure: str, block: int, values: Array) -> None:
        """Take one number of each image; an undefined cosine is no number of an image's."""
        seen = values[~np.isnan(values)] if figure == "cosine" else values
        if len(seen):
            centre = seen.mean()
            with np.errstate(invalid="ignore"):
                self._figures[figure].merge(
                    len(seen), centre, ((seen - centre) ** 2).sum(), at=block
                )

    def columns(self) -> dict[str, Any]:
        """Return the columns of the table; NaN for plain blocks."""
        ratio = self._figures["ratio"]
        quantiles = {
            f"ratio_q{percent}": self._ratios.quantiles(percent / 100) for percent in (10, 50, 90)
        }
        std = self._branch.std()
        return {
            "ratio": ratio.mean,
            "ratio_se": ratio.standard_error(),
            **quantiles,
            "branch_norm": self._figures["branch_norm"].mean,
            "shortcut_norm": self._figures["shortcut_norm"].mean,
            "response_std": np.where(self._branch.n > 0, std, math.nan),
            "cosine": self._figures["cosine"].mean,
            "cosine_se": self._figures["cosine"].standard_error(),
            "negative_share": self._figures["negative_share"].mean,
        }


def _cosines(branch: Tensor, shortcut: Tensor, by: Tensor, of: Tensor) -> Array:
    """Return each image's cosine; NaN where one of the two is all 0."""
    # dividing first: the product of two large norms could leave float32's range
    unit = branch / by.to(branch.dtype).to(branch.device).clamp_min(1e-30)[:, None]
    dots = torch.linalg.vecdot(unit, shortcut).cpu().double()
    found: Array = torch.where((by > 0) & (of > 0), dots / of, math.nan).numpy()
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
