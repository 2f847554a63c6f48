"""Norms image by image, on the way through a network or back."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["FAINT", "norms_of"]

FAINT = 1e-8  # a smaller gradient of a float32 softmax is rounding and has no direction


def norms_of(gradient: Tensor) -> Tensor:
    """Return the norm of each image's gradient as float64 on the CPU, shape (N,).

    Summing float32 squares errs by some 1e-7 and is many times faster than in float64, which
    is needed only where squares leave float32's range.
    """
    norms: Tensor = torch.linalg.vector_norm(gradient.flatten(1), dim=1).cpu().double()
    if norms.min() < 1e-15 or norms.max() > 1e15:
        norms = torch.linalg.vector_norm(gradient.flatten(1).cpu(), dim=1, dtype=torch.float64)
    return norms
