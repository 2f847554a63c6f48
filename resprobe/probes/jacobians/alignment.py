"""How the singular vectors of one block's Jacobian fit those of another's, image by image."""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor

from resprobe.probes.jacobians.decomposition import Decomposition

__all__ = ["Aligned", "aligned", "chance_of_alignment", "left_right"]


class Aligned(NamedTuple):
    """What M = U_j^T J_i V_j says; each in [0, 1], NaN where J_i is 0.

    Attributes
    ----------
    alignment : float
        Sum of M's squared diagonal over the sum of the k largest squared singular values of
        J_i: 1 where the k directions of block j are those of block i, in the same order.
    diagonal : float
        The diagonal's share of the sum of all squares in M: how far j's directions are passed on
        without mixing; 1/k in the mean for random directions.
    captured : float
        The sum of all squares in M over that of J_i's k largest singular values: how much of
        J_i lies between the spaces that j's directions span.
    """

    alignment: float
    diagonal: float
    captured: float


def aligned(matrix: Tensor, of: Tensor) -> Aligned:
    """Score a matrix ``U_j^T J_i V_j`` by the singular values ``of`` J_i, as many as it has rows.

    References
    ----------
    J. Li, V. Papyan, "Residual Alignment", NeurIPS 2023 (property RA2); the scores are ours.
    The sum of squares between orthonormal bases is at most that of the largest singular values
    (Ky Fan 1951).

    Examples
    --------
    >>> import torch
    >>> values = torch.tensor([2.0, 1.0], dtype=torch.float64)
    >>> aligned(torch.diag(values), values)
    Aligned(alignment=1.0, diagonal=1.0, captured=1.0)
    >>> aligned(torch.diag(values).flip(0), values)
    Aligned(alignment=0.0, diagonal=0.0, captured=1.0)
    """
    diagonal, whole = float(matrix.diagonal().square().sum()), float(matrix.square().sum())
    possible = float(of.square().sum())
    return Aligned(
        _ratio(diagonal, possible),
        _ratio(diagonal, whole),
        _ratio(whole, possible),
    )


def chance_of_alignment(found: Decomposition) -> float:
    """Return the mean alignment of a Jacobian with random orthonormal directions.

    A random unit vector pair has E (u^T J v)^2 = ||J||^2 / (rows columns), exactly.
    """
    k = len(found.values)
    rows, columns = len(found.left), len(found.right)
    return _ratio(k * found.energy / (rows * columns), float(found.values.square().sum()))


def left_right(found: Decomposition) -> float:
    """Return the mean of |<u_a, v_a>|, weighted by the squared singular values.

    NaN where the output is not of the input's size, or the Jacobian is 0.
    """
    if found.left.shape != found.right.shape:
        return math.nan
    weights = found.values.square()
    overlaps = (found.left * found.right).sum(0).abs()
    return _ratio(float((weights * overlaps).sum()), float(weights.sum()))


def _ratio(part: float, whole: float) -> float:
    return min(part / whole, 1.0) if whole > 0 else math.nan
