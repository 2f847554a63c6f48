"""Catches gradients on their way back through a block and adds up some numbers per image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from resprobe.errors import ResprobeError
from resprobe.probes.gradients.histograms import ElementCounts
from resprobe.probes.path_lengths.scaled import Scaled
from resprobe.probes.taps import FAINT, norms_of
from resprobe.streams import Moments

__all__ = ["FIGURES", "Tap", "direction_of"]

FIGURES = (
    "output", "identity", "residual", "input", "cosine", "residual_share",
    "identity_path", "identity_path_cosine", "identity_gain",
)  # fmt: skip


class Tap:
    """Catches a block's gradients as they pass; of every image numbers are taken, none is kept.

    Parameters
    ----------
    name : str
        The block's, for errors.
    histograms : bool
        Whether all elements are counted by their size.

    Attributes
    ----------
    figures : dict of str to Moments
        What is found, under the names of the table's columns.
    """

    def __init__(self, name: str, *, histograms: bool = False) -> None:
        self.name = name
        self.figures = {figure: Moments(1) for figure in FIGURES}
        self.elements = ElementCounts() if histograms else None
        self._identity: Tensor | None = None
        self._residual: Tensor | None = None
        self._path: Tensor | None = None
        self._complete = False

    def expect_path(self, path: Scaled, top: Tensor, direction: Tensor) -> None:
        """Take the gradient of the identity path at the block's input.

        Parameters
        ----------
        path : Scaled
            As it comes down.
        top : Tensor
            Its norm at the last block's output, (N,), float64, on the CPU.
        direction : Tensor
            :func:`direction_of` the path's value, kept until the whole gradient comes.
        """
        norms = path.norms()
        self._keep("identity_path", norms)
        self._keep("identity_gain", norms / top)
        self._path = direction

    def catch_output(self, gradient: Tensor) -> None:
        """Take the gradient at the block's output."""
        self._keep("output", norms_of(gradient))

    def catch_identity(self, gradient: Tensor) -> None:
        """Take the part that came back through the shortcut."""
        self._identity = gradient

    def catch_residual(self, gradient: Tensor) -> None:
        """Take the part that came back through the branch."""
        self._residual = gradient

    def catch_input(self, gradient: Tensor) -> None:
        """Take the whole: autograd calls this last, when all paths have been added up."""
        total = norms_of(gradient)
        residual = gradient if self._residual is None else self._residual
        identity = torch.zeros_like(gradient) if self._identity is None else self._identity
        self._check(gradient, identity + residual, total)
        norms = norms_of(identity), norms_of(residual)
        self._keep("input", total)
        self._keep("identity", norms[0])
        self._keep("residual", norms[1])
        # dividing first: the product of two faint gradients would leave float32's range
        unit = residual.flatten(1) / norms[1].clamp_min(FAINT).to(residual)[:, None]
        self._keep("cosine", _dots(identity, unit) / norms[0].clamp_min(FAINT))
        self._keep("residual_share", norms[1] / (norms[0] + norms[1]))
        if self._path is not None:
            dots = _dots(gradient, self._path.reshape(len(gradient), -1))
            self._keep("identity_path_cosine", dots / total.clamp_min(FAINT))
        if self.elements is not None:
            self.elements.add(gradient, identity, residual)
        self._identity = self._residual = self._path = None
        self._complete = True

    def close_batch(self) -> None:
        """Make ready for the next batch; raise ResprobeError where no gradient came."""
        if not self._complete:
            raise ResprobeError(
                f"no gradient reached block {self.name}; its output does not enter the loss"
            )
        self._complete = False

    @property
    def n(self) -> int:
        """Images seen."""
        return int(self.figures["input"].n[0])

    def mean(self, figure: str) -> float:
        """Return the mean over images; NaN where there is nothing to average."""
        return float(self.figures[figure].mean[0])

    def error(self, figure: str) -> float:
        """Return the standard error of the mean."""
        return float(self.figures[figure].standard_error()[0])

    def _keep(self, figure: str, values: Tensor) -> None:
        """Take one number of each image; what is undefined (0/0) is no number of an image's."""
        found: npt.NDArray[np.float64] = values.numpy()
        self.figures[figure].add(found[~np.isnan(found)][None])

    def _check(self, whole: Tensor, parts: Tensor, norms: Tensor) -> None:
        if not whole.isfinite().all():
            raise ResprobeError(
                f"the gradient at block {self.name} is not finite; check the weights, and for a "
                "network at initialisation use the batch's statistics in BatchNorm"
            )
        gap = norms_of(whole - parts)
        if (gap > 1e-5 * norms).any():
            worst = float((gap / norms).nan_to_num(0).max())
            raise ResprobeError(
                f"identity and residual part at block {self.name} miss the whole gradient by "
                f"{worst:.1e} relative; the block's input must be used elsewhere too"
            )


def direction_of(value: Tensor) -> Tensor:
    """Return each image's gradient divided by its norm, (N, elements)."""
    value = value.reshape(len(value), -1)
    return value / norms_of(value).clamp_min(1e-30).to(value)[:, None]


def _dots(one: Tensor, other: Tensor) -> Tensor:
    """Return each image's inner product, float64, on the CPU."""
    dots: Tensor = torch.linalg.vecdot(one.flatten(1), other).cpu().double()
    return dots
