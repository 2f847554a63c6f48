"""The leading singular triplets of a Jacobian that is known by its products alone.

Randomised block Krylov iteration: a random start is multiplied by J and J^T in turn, made
orthonormal after every product, and J is projected on all that was seen (Halko, Martinsson,
Shkolnisky, Tygert 2011; Musco, Musco 2015). The products are those of subspace iteration
(Halko, Martinsson, Tropp 2011; Li et al. 2017, "Algorithm 971"), which keeps the last basis alone
and wants many more of them where singular values lie close together, as those of convolutions do.
Products are in the network's precision, everything else in float64 on the CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from resprobe.errors import ResprobeError
from resprobe.probes.jacobians.products import Jacobian

__all__ = ["Decomposition", "decomposed", "products"]

NEGLIGIBLE, LITTLE = 1e-6, 1e-4
"""Of the size of some products in float32: about their rounding; where float64 loses digits."""

DISAGREEMENT = 1e-3
"""How far forward and backward products may lie apart, of their size: float32 gives 1e-6."""


@dataclass(frozen=True)
class Decomposition:
    """``J`` is about ``left diag(values) right^T``; float64 on the CPU.

    Attributes
    ----------
    values : Tensor of shape (k,)
        Singular values, the largest first.
    left, right : Tensor of shape (rows, k) and (columns, k)
        Singular vectors.
    residual : float
        Largest norm of ``J v - value u``, over the largest singular value: no singular value of
        J is farther from one of these. With a gap to the others, values are better by its square.
    energy, fourth : float
        Sums of the squares, and of the fourth powers, of all singular values: what the triplets
        do not hold is estimated from random vectors.
    """

    values: Tensor
    left: Tensor
    right: Tensor
    residual: float
    energy: float
    fourth: float

    @property
    def rank_of_energy(self) -> float:
        """Participation ratio of the energy: (sum of squares)^2 over sum of fourth powers."""
        return self.energy**2 / self.fourth if self.fourth else float("nan")


def products(k: int, oversampling: int, iterations: int) -> int:
    """Return how many products with vectors :func:`decomposed` takes, in either direction.

    Examples
    --------
    >>> products(12, 10, 4)
    252
    """
    return (2 * iterations + 3) * (k + oversampling) + oversampling


def decomposed(
    jacobian: Jacobian, *, k: int, oversampling: int, iterations: int, generator: torch.Generator
) -> Decomposition:
    """Return the ``k`` largest singular triplets, or as many as there are.

    Parameters
    ----------
    jacobian : Jacobian
        Its products.
    k, oversampling : int
        Triplets that are wanted, and directions that are followed beyond them.
    iterations : int
        Blocks of so many vectors by which the space grows after the first, each for a product
        with J and one with J^T.
    generator : torch.Generator
        Of the random start, on the CPU.

    Raises
    ------
    ResprobeError
        If a product is not finite, or those with J and with J^T contradict each other.
    """
    most = min(jacobian.rows, jacobian.columns)
    wanted, held = min(k, most), min(k + oversampling, most)
    start = _normal(jacobian.columns, held, generator)
    basis, back = _grown(jacobian, *_first(jacobian, start), most=most, iterations=iterations)
    values, left, right = _triplets(basis, back, wanted)
    others = _normal(jacobian.columns, oversampling, generator)
    return _measured(jacobian, values, left, right, others)


def _first(jacobian: Jacobian, start: Tensor) -> tuple[Tensor, Tensor]:
    """Return an orthonormal basis Q of the random start's image, and J^T Q, which must agree.

    A layer that pretends to a second derivative, or lacks one on one of several ways, is given
    another chance in forward mode.
    """
    for forward in (False, True):
        if forward:
            jacobian.go_forward()
        image = _finite(jacobian.times(start))
        basis, _ = torch.linalg.qr(image)
        back = _finite(jacobian.transposed_times(basis))
        if _agree(basis.T @ image, back.T @ start):
            return basis, back
    raise ResprobeError(
        "forward and backward differentiation of a branch contradict each other; check the "
        "derivatives of its custom layers, or whether it draws random numbers in eval mode"
    )


def _agree(forward: Tensor, backward: Tensor) -> bool:
    """Compare <u, J v> with <J^T u, v>."""
    size = max(float(forward.norm()), float(backward.norm()))
    return float((forward - backward).norm()) <= DISAGREEMENT * size


def _grown(
    jacobian: Jacobian, basis: Tensor, back: Tensor, *, most: int, iterations: int
) -> tuple[Tensor, Tensor]:
    """Let the space grow by what J J^T makes of its newest part."""
    parts, backs = [basis], [back]
    for _ in range(iterations):
        image = _finite(jacobian.times(backs[-1]))
        newest = _apart(image, parts)[:, : most - sum(part.shape[1] for part in parts)]
        if not newest.shape[1]:  # J leads to nowhere else
            break
        parts.append(newest)
        backs.append(_finite(jacobian.transposed_times(newest)))
    return torch.cat(parts, 1), torch.cat(backs, 1)


def _apart(vectors: Tensor, parts: Sequence[Tensor]) -> Tensor:
    """Return an orthonormal basis of what of the vectors lies outside a space, largest first.

    What is no larger than a product's rounding is nothing. Where little is left of a vector, the
    rounding of what was taken away is taken away as well.
    """
    size = float(vectors.norm())
    outside, mixing = torch.linalg.qr(_without(vectors, parts))
    mixed, sizes, _ = torch.linalg.svd(mixing)
    kept: Tensor = outside @ mixed[:, sizes > NEGLIGIBLE * size]
    if float(sizes.min()) <= LITTLE * size:
        kept, _ = torch.linalg.qr(_without(kept, parts))
    return kept


def _without(vectors: Tensor, parts: Sequence[Tensor]) -> Tensor:
    for part in parts:
        vectors = vectors - part @ (part.T @ vectors)
    return vectors


def _triplets(basis: Tensor, back: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the k leading singular triplets of Q (J^T Q)^T.

    The eigenvectors of the small (J^T Q)^T (J^T Q) find the directions; to square the values costs
    digits of the small ones, which a decomposition of the k vectors alone gives back.
    """
    _, vectors = torch.linalg.eigh(back.T @ back)
    chosen = vectors[:, -k:].flip(1)
    turned, small = torch.linalg.qr(back @ chosen)
    mixed, values, mixing = torch.linalg.svd(small)
    return values, basis @ (chosen @ mixing.T), turned @ mixed


def _measured(
    jacobian: Jacobian, values: Tensor, left: Tensor, right: Tensor, others: Tensor
) -> Decomposition:
    """Look at how good the triplets are, and at what lies outside them.

    For an orthonormal V, ||J||^2 is ||J V||^2 + ||J (1 - V V^T)||^2, and likewise for J^T J;
    the second term is the mean over normal vectors (Hutchinson 1990; Meyer et al. 2021).
    """
    k, number = len(values), others.shape[1]
    outside = others - right @ (right.T @ others)
    pushed = _finite(jacobian.times(torch.cat([right, outside], 1)))
    inside, beyond = pushed[:, :k], pushed[:, k:]
    largest = float(values[0])
    gap = float((inside - left * values).norm(dim=0).max())
    squares = inside.square().sum(0)
    energy, fourth = float(squares.sum()), float(squares.square().sum())
    if number:
        energy += float(beyond.square().sum()) / number
        fourth += float(_finite(jacobian.transposed_times(beyond)).square().sum()) / number
    return Decomposition(values, left, right, gap / largest if largest else 0.0, energy, fourth)


def _normal(rows: int, columns: int, generator: torch.Generator) -> Tensor:
    return torch.randn(rows, columns, generator=generator, dtype=torch.float64)


def _finite(vectors: Tensor) -> Tensor:
    if not vectors.isfinite().all():
        raise ResprobeError(
            "the Jacobian of a branch is not finite; check the weights (a network at "
            "initialisation may overflow in eval mode: train it first)"
        )
    return vectors
