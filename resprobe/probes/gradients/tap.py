"""Catches gradients on their way back through a block and adds up some numbers per image."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from resprobe.errors import ResprobeError
from resprobe.probes.gradients.histograms import ElementCounts
from resprobe.probes.path_lengths.scaled import Scaled
from resprobe.probes.taps import FAINT, cosines_of, norms_of
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
    """

    def __init__(self, name: str, *, histograms: bool = False) -> None:
        self.name = name
        self.elements = ElementCounts() if histograms else None
        self._found = Moments(len(FIGURES))
        self._fresh: dict[str, Tensor] = {}
        self._identity: Tensor | None = None
        self._residual: Tensor | None = None
        self._path: Tensor | None = None

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
        self._fresh |= {"identity_path": norms, "identity_gain": norms / top}
        self._path = direction

    def catch_output(self, norms: Tensor) -> None:
        """Take the norm of each image's gradient at the block's output."""
        self._fresh["output"] = norms

    def catch_identity(self, gradient: Tensor) -> None:
        """Take the part that came back through the shortcut."""
        self._identity = gradient

    def catch_residual(self, gradient: Tensor) -> None:
        """Take the part that came back through the branch."""
        self._residual = gradient

    def catch_input(self, gradient: Tensor, norms: Tensor) -> None:
        """Take the whole and its norms: autograd calls this when all paths have been added up."""
        if not math.isfinite(norms.sum()):
            raise ResprobeError(
                f"the gradient at block {self.name} is not finite; check the weights, and for a "
                "network at initialisation use the batch's statistics in BatchNorm"
            )
        self._fresh["input"] = norms
        if self._identity is None and self._residual is None:
            self._take_undivided(gradient, norms)
        else:
            self._take_parts(gradient, norms)
        if self._path is not None:
            dots = torch.linalg.vecdot(gradient.flatten(1), self._path).cpu().double()
            self._fresh["identity_path_cosine"] = dots / norms.clamp_min(FAINT)
        self._identity = self._residual = self._path = None

    def _take_undivided(self, whole: Tensor, norms: Tensor) -> None:
        """Take the gradient of a plain block, which has no shortcut."""
        self._fresh |= {"identity": torch.zeros_like(norms), "residual": norms}
        self._fresh["residual_share"] = norms / norms
        if self.elements is not None:
            self.elements.add(whole)

    def _take_parts(self, whole: Tensor, norms: Tensor) -> None:
        """Take what came back by either path; where nothing did, the part is 0."""
        identity, residual = (
            torch.zeros_like(whole) if part is None else part
            for part in (self._identity, self._residual)
        )
        self._check(whole, identity + residual, norms)
        sizes = norms_of(residual), norms_of(identity)
        self._fresh |= {
            "identity": sizes[1],
            "residual": sizes[0],
            "cosine": cosines_of(residual, identity, sizes, faint=FAINT),
            "residual_share": sizes[0] / (sizes[0] + sizes[1]),
        }
        if self.elements is not None:
            self.elements.add(whole, identity, residual)

    def close_batch(self) -> None:
        """Add up the batch; raise ResprobeError where no gradient came.

        What is undefined (0/0) is no number of an image's.
        """
        if "input" not in self._fresh:
            raise ResprobeError(
                f"no gradient reached block {self.name}; its output does not enter the loss"
            )
        none = torch.full_like(self._fresh["input"], torch.nan)
        found = [self._fresh.get(figure, none) for figure in FIGURES]
        self._found.add_defined(torch.stack(found).numpy())
        self._fresh.clear()

    @property
    def n(self) -> int:
        """Images seen."""
        return int(self._found.n[FIGURES.index("input")])

    def means(self) -> dict[str, float]:
        """Return each figure's mean over images; NaN where there is nothing to average."""
        return dict(zip(FIGURES, self._found.mean.tolist(), strict=True))

    def errors(self) -> dict[str, float]:
        """Return the standard errors of the means."""
        return dict(zip(FIGURES, self._found.standard_error().tolist(), strict=True))

    def _check(self, whole: Tensor, parts: Tensor, norms: Tensor) -> None:
        if torch.equal(whole, parts):  # as a rule: autograd adds up the same two
            return
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
