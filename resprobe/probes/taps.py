"""Catches gradients on their way back through a block, one number per image of each."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from resprobe.errors import ResprobeError

__all__ = ["Tap", "norms_of"]

FAINT = 1e-8  # a smaller gradient of a float32 softmax is rounding and has no direction


@dataclass
class Tap:
    """Catches a block's gradients as they pass and keeps one number per image of each."""

    name: str
    identity_part: Tensor | None = None
    residual_part: Tensor | None = None
    complete: bool = False
    figures: dict[str, list[float]] = field(default_factory=dict)

    def catch_output(self, gradient: Tensor) -> None:
        """Take the gradient at the block's output."""
        self._keep("output", norms_of(gradient))

    def catch_identity(self, gradient: Tensor) -> None:
        """Take the part that came back through the shortcut."""
        self.identity_part = gradient

    def catch_residual(self, gradient: Tensor) -> None:
        """Take the part that came back through the branch."""
        self.residual_part = gradient

    def catch_input(self, gradient: Tensor) -> None:
        """Take the whole: autograd calls this last, when all paths have been added up."""
        total = norms_of(gradient)
        residual = gradient if self.residual_part is None else self.residual_part
        identity = torch.zeros_like(gradient) if self.identity_part is None else self.identity_part
        self._check(gradient, identity + residual, total)
        norms = norms_of(identity), norms_of(residual)
        self._keep("input", total)
        self._keep("identity", norms[0])
        self._keep("residual", norms[1])
        # dividing first: the product of two faint gradients would leave float32's range
        unit = residual.flatten(1) / norms[1].clamp_min(FAINT).to(residual)[:, None]
        dots = (identity.flatten(1) * unit).sum(1).cpu().double()
        self._keep("cosine", dots / norms[0].clamp_min(FAINT))
        self._keep("residual_share", norms[1] / (norms[0] + norms[1]))
        self.identity_part = self.residual_part = None
        self.complete = True

    def close_batch(self) -> None:
        """Make ready for the next batch; raise ResprobeError where no gradient came."""
        if not self.complete:
            raise ResprobeError(
                f"no gradient reached block {self.name}; its output does not enter the loss"
            )
        self.complete = False

    def _keep(self, figure: str, values: Tensor) -> None:
        # plain numbers: small tensors that stay would pin the large freed ones in the heap
        self.figures.setdefault(figure, []).extend(values.tolist())

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


def norms_of(gradient: Tensor) -> Tensor:
    """Return the norm of each image's gradient as float64 on the CPU, shape (N,).

    Summing float32 squares errs by some 1e-7 and is many times faster than in float64, which
    is needed only where squares leave float32's range.
    """
    norms: Tensor = torch.linalg.vector_norm(gradient.flatten(1), dim=1).cpu().double()
    if norms.min() < 1e-15 or norms.max() > 1e15:
        norms = torch.linalg.vector_norm(gradient.flatten(1).cpu(), dim=1, dtype=torch.float64)
    return norms
