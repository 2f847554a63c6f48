"""How closely Jacobians are looked at, and between which blocks they are compared."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from resprobe.chain import Block, Chain, PlainBlock
from resprobe.errors import UsageError
from resprobe.probes.jacobians.decomposition import products

__all__ = ["Setting", "branch_of", "groups_of"]

MOST = 10_000


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Of the randomised singular value decomposition.

    Attributes
    ----------
    k, oversampling, iterations : int
        Triplets, directions beyond them, power iterations.
    tolerance : float
        Singular values above ``tolerance`` times the largest count for the rank.
    seed : int
        Of the random directions.

    Raises
    ------
    UsageError
        If one of them is out of range.
    """

    k: int
    oversampling: int
    iterations: int
    tolerance: float
    seed: int

    def __post_init__(self) -> None:
        for name, least in (("k", 1), ("oversampling", 1), ("iterations", 0)):
            given = getattr(self, name)
            if not least <= given <= MOST:
                raise UsageError(f"{name} is {given}; give {least} to {MOST:,}")
        if not 0 < self.tolerance < 1:
            raise UsageError(f"the tolerance of the rank is {self.tolerance}; give one in (0, 1)")

    @property
    def products(self) -> int:
        """Products with a Jacobian that each decomposition takes."""
        return products(self.k, self.oversampling, self.iterations)

    def generator(self, image: int, block: int) -> torch.Generator:
        """Return the source of a block's random directions, the same on every device."""
        text = f"geometry {self.seed} {image} {block}"
        derived = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
        return torch.Generator().manual_seed(derived >> 1)


def branch_of(block: Block) -> Callable[[Tensor], Tensor]:
    """Return the function whose Jacobian is looked at: the branch, or a plain block's layers."""
    return block.layers if isinstance(block, PlainBlock) else block.branch


def groups_of(chain: Chain) -> dict[int, list[int]]:
    """Return the identity blocks of each stage that has any, by their numbers."""
    found: dict[int, list[int]] = {}
    for number, block in enumerate(chain.blocks):
        if block.kind == "identity":
            found.setdefault(block.stage, []).append(number)
    return found
