"""Lesions as programs: the calls that a chain makes between stem and head.

A call runs one step; where its ``scale`` is not 1, the branch of a block is multiplied by it,
and where that is 0 the branch is left out. A deletion, a re-ordering, a repetition is another
sequence of calls. What can be written for every block of a chain is written here; which
programs a study runs is its own affair.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from torch import Tensor

from resprobe.chain.chain import Chain, Link, PlainBlock, ResidualBlock, Step

__all__ = [
    "Call",
    "Program",
    "block_places",
    "call_step",
    "intact",
    "reordered",
    "repeated",
    "scaled",
    "single_deletions",
    "without",
]


class Call(NamedTuple):
    """Run step number ``step`` of ``chain.steps``, its branch multiplied by ``scale``."""

    step: int
    scale: float = 1.0

    @property
    def deleted(self) -> bool:
        """Whether the branch is left out."""
        return self.scale == 0


Program = tuple[Call, ...]


def call_step(step: Step, call: Call, x: Tensor) -> Tensor:
    """Make one call on one activation."""
    if call.scale == 1:
        out: Tensor = step(x)
        return out
    assert isinstance(step, ResidualBlock | PlainBlock), "links always run as they are"
    return step.deleted(x) if call.deleted else step.scaled(x, call.scale)


def block_places(chain: Chain) -> list[int]:
    """Return, by block number, where in ``chain.steps`` each block stands."""
    return [place for place, step in enumerate(chain.steps) if not isinstance(step, Link)]


def intact(chain: Chain) -> Program:
    """Return the program of the network as it is."""
    return tuple(Call(step) for step in range(len(chain.steps)))


def without(chain: Chain, blocks: Iterable[int]) -> Program:
    """Return the program that deletes blocks, each of which must be deletable.

    Examples
    --------
    >>> import torch
    >>> from resprobe.chain import unravel
    >>> from resprobe.networks import Architecture
    >>> chain = unravel(Architecture("resnet8").build(), torch.zeros(2, 3, 32, 32))
    >>> [call.step for call in without(chain, [1]) if call.deleted]
    [1]
    """
    return scaled(chain, dict.fromkeys(blocks, 0.0))


def scaled(chain: Chain, alphas: Mapping[int, float]) -> Program:
    """Return the program in which the branches of blocks are multiplied by numbers.

    References
    ----------
    Veit et al. 2016, section 4.1, for 0: the module is deleted.
    """
    places = block_places(chain)
    scales = {places[block]: float(alpha) for block, alpha in alphas.items()}
    return tuple(Call(step, scales.get(step, 1.0)) for step in range(len(chain.steps)))


def repeated(chain: Chain, block: int, times: int) -> Program:
    """Return the program that applies a block, which keeps the shape, several times in a row.

    References
    ----------
    Jastrzebski et al. 2018, "Residual Connections Encourage Iterative Inference", section 4.5.
    """
    place, whole = block_places(chain)[block], intact(chain)
    return (*whole[:place], *[Call(place)] * times, *whole[place + 1 :])


def reordered(chain: Chain, order: Iterable[int]) -> Program:
    """Return the program that runs block ``order[i]`` where block i stands; links stay.

    References
    ----------
    Veit et al. 2016, section 4.1, figure 5b.
    """
    places = block_places(chain)
    runs = {places[i]: places[block] for i, block in enumerate(order)}
    return tuple(Call(runs.get(step, step)) for step in range(len(chain.steps)))


def single_deletions(chain: Chain) -> dict[int, Program]:
    """Return, by block number, the programs that delete one block each.

    Blocks that cannot be deleted (plain blocks that change the shape) have none.

    References
    ----------
    Veit et al. 2016, "Residual Networks Behave Like Ensembles of Relatively Shallow
    Networks", section 4.1 and figure 3.
    """
    return {
        number: without(chain, [number])
        for number, block in enumerate(chain.blocks)
        if block.deletable
    }
