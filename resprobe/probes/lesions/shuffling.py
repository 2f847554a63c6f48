"""Blocks in another order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar

import numpy as np
from scipy.stats import kendalltau

from resprobe.chain import Chain, reordered
from resprobe.errors import InputError
from resprobe.probes.lesions.making import Lesion, OneRound, at_least_one

__all__ = ["Shuffle"]


@dataclass(frozen=True)
class Shuffle(OneRound):
    """Swap k random pairs of blocks of one shape, one after another, for k = 1 to ``most``.

    A pair is drawn uniformly among all pairs of places whose blocks take and give tensors of
    one shape; links stay where they are. How far the order is from the original is Kendall's
    tau over all blocks: 1 for the original order.

    Parameters
    ----------
    most : int
        Swaps at most.
    draws : int
        Orders for each k, drawn independently.

    References
    ----------
    Veit et al. 2016, section 4.1, figure 5b.
    """

    most: int = 20
    draws: int = 20
    name: ClassVar[str] = "shuffle"

    def __post_init__(self) -> None:
        at_least_one("swaps", self.most)
        at_least_one("draws", self.draws)

    def lesions(self, chain: Chain, generator: np.random.Generator) -> Iterator[Lesion]:
        """Yield ``draws`` orders for each number of swaps."""
        pairs = swappable(chain)
        for k in range(1, self.most + 1):
            for draw in range(self.draws):
                chosen = generator.integers(len(pairs), size=k)
                yield _shuffled(chain, [pairs[i] for i in chosen], draw)


def swappable(chain: Chain) -> list[tuple[int, int]]:
    """Return the pairs of blocks that can stand in each other's place.

    Raises
    ------
    InputError
        If there is none.
    """
    shapes = [(block.in_shape, block.out_shape) for block in chain.blocks]
    pairs = [(i, j) for i, j in combinations(range(len(shapes)), 2) if shapes[i] == shapes[j]]
    if not pairs:
        raise InputError(
            "the study 'shuffle' swaps blocks of one shape and the network has no two such "
            "blocks; choose a deeper network, or another study"
        )
    return pairs


def _shuffled(chain: Chain, swaps: Sequence[tuple[int, int]], draw: int) -> Lesion:
    order = list(range(len(chain.blocks)))
    for i, j in swaps:
        order[i], order[j] = order[j], order[i]
    moved = tuple(place for place, block in enumerate(order) if place != block)
    return Lesion(
        label="shuffle:" + "+".join(f"{i}-{j}" for i, j in swaps),
        program=reordered(chain, order),
        blocks=moved,
        k=len(swaps),
        draw=draw,
        kendall_tau=float(kendalltau(order, range(len(order))).statistic),
    )
