"""Norms and cosines image by image, on the way through a network or back."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["FAINT", "cosines_of", "norms_of"]

FAINT = 1e-8  # a smaller gradient of a float32 softmax is rounding and has no direction
SMALL, LARGE = 1e-15, 1e15  # beyond these, squares and products leave float32's range


def norms_of(gradient: Tensor) -> Tensor:
    """Return the norm of each image's gradient as float64 on the CPU, shape (N,).

    Summing float32 squares errs by some 1e-7 and is many times faster than in float64, which
    is needed only where squares leave float32's range.
    """
    norms: Tensor = torch.linalg.vector_norm(gradient.flatten(1), dim=1).cpu().double()
    if not _within_range(norms):
        norms = torch.linalg.vector_norm(gradient.flatten(1).cpu(), dim=1, dtype=torch.float64)
    return norms


def cosines_of(
    one: Tensor, other: Tensor, norms: tuple[Tensor, Tensor], *, faint: float = 0.0
) -> Tensor:
    """Return each image's cosine of two tensors as float64 on the CPU, shape (N,).

    Parameters
    ----------
    one, other : Tensor of shape (N, ...)
    norms : pair of Tensor
        Theirs, from :func:`norms_of`.
    faint : float
        Smaller norms count as this one; with 0 the cosine to a norm of 0 is NaN.

    Examples
    --------
    >>> one, other = torch.tensor([[3.0, 4.0], [0.0, 0.0]]), torch.ones(2, 2)
    >>> [round(c, 6) for c in cosines_of(one, other, (norms_of(one), norms_of(other))).tolist()]
    [0.98995, nan]
    """
    first, second = (part.clamp_min(faint) for part in norms)
    one, other = one.flatten(1), other.flatten(1)
    if all(_within_range(part) for part in norms):
        dots: Tensor = torch.linalg.vecdot(one, other).cpu().double()
        return dots / (first * second)
    # dividing first: the product of two such norms could leave float32's range
    unit = one / first.to(one).clamp_min(1e-30)[:, None]
    cosines: Tensor = torch.linalg.vecdot(unit, other).cpu().double() / second
    return torch.where(first > 0, cosines, torch.nan)


def _within_range(norms: Tensor) -> bool:
    low, high = norms.aminmax()
    return bool(low >= SMALL and high <= LARGE)
