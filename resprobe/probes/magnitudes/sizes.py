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
from resprobe.probes.magnitudes.elements import Elements, Rows, rows_of
from resprobe.probes.taps import cosines_of, norms_of
from resprobe.streams import LogHistogram, Moments

__all__ = ["BranchSizes"]

Array = npt.NDArray[np.float64]


class BranchSizes:
    """Follows the blocks of a chain; of every image some numbers are taken and none is kept."""

    _FIGURES = ("ratio", "branch_norm", "shortcut_norm", "negative_share")

    def __init__(self, chain: Chain) -> None:
        blocks = len(chain.blocks)
        self._figures, self._cosines = Moments(len(self._FIGURES) * blocks), Moments(blocks)
        self._ratios, self._branch = LogHistogram(blocks), Elements(blocks)
        self._images = 0
        self._fresh: list[tuple[Array, Array, Array]] = []

    def begin(self, images: int) -> None:
        """Make ready for a batch of so many images."""
        self._images = images
        self._fresh.clear()

    def see(self, passed: Passage, last: Rows | None = None) -> None:
        """Take a step of the chain, as :func:`resprobe.chain.pass_through` shows it.

        Parameters
        ----------
        last : Rows, optional
            The last layer's response: where it is the branch, this is not gone through again.
        """
        images = self._images
        if passed.number is None:
            return
        if passed.branch is None or passed.shortcut is None or passed.total is None:
            _check_finite(norms_of(rows_of(passed.end, images)), passed.step.name)
            return
        part = passed.branch.expand_as(passed.total)
        branch = last if last and last.tensor.is_set_to(part) else Rows.of(part, images)
        shortcut = rows_of(passed.shortcut.expand_as(passed.total), images)
        sizes = branch.norms, norms_of(shortcut)
        for size in sizes:
            _check_finite(size, passed.step.name)
        cosines = cosines_of(branch.value, shortcut, sizes)
        figures = sizes[0] / sizes[1], *sizes, _negative(rows_of(passed.total, images))
        self._fresh.append((torch.stack(figures).numpy(), cosines.numpy(), branch.spread))

    def end(self) -> None:
        """Add up what was seen of the batch."""
        if not self._fresh:  # plain blocks
            return
        figures, cosines, spreads = map(np.stack, zip(*self._fresh, strict=True))
        self._ratios.add(figures[:, self._FIGURES.index("ratio")])
        self._figures.add(figures.reshape(-1, self._images))
        self._cosines.add_defined(cosines)
        self._branch.add(spreads)
        self._fresh.clear()

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
            "response_std": self._branch.std(),
            "cosine": self._cosines.mean,
            "cosine_se": self._cosines.standard_error(),
            "negative_share": self._of("negative_share", means),
        }


def _negative(total: Tensor) -> Tensor:
    """Return each image's share of elements below 0."""
    # written as 0 and 1 into floats: their mean is several times faster than counting
    below = torch.lt(total, 0, out=torch.empty_like(total))
    return below.sum(1).cpu().double() / total.shape[1]


def _check_finite(norms: Tensor, block: str) -> None:
    if not math.isfinite(norms.sum()):
        raise ResprobeError(
            f"block {block} gives numbers that are not finite; check the weights, and for a "
            "network at initialisation use the batch's statistics in BatchNorm"
        )
