"""The blocks after which the network's own head can read, and the head put there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from resprobe.chain import Chain, PlainBlock, ResidualBlock

__all__ = ["Exits", "exits_of"]


@dataclass(frozen=True)
class Exits:
    """The last blocks of a network, the head readable after each of them.

    Attributes
    ----------
    first : int
        The first such block, counted from 0; all later ones are such, too.
    links : tuple of tuple of nn.Module
        For each of them the links that follow it: they run, the later blocks do not.
    head : nn.Module
        The network's own.

    Examples
    --------
    >>> import torch
    >>> from resprobe import Architecture, unravel
    >>> x = torch.zeros(2, 3, 32, 32)
    >>> exits_of(unravel(Architecture("resnet20", width=2).build().eval(), x)).first
    6
    """

    first: int
    links: tuple[tuple[nn.Module, ...], ...]
    head: nn.Module

    def __len__(self) -> int:
        return len(self.links)

    def read(self, ends: Sequence[Tensor]) -> list[Tensor]:
        """Return the head's logits (N, classes) after each readable block, from all outputs."""
        read = []
        for hidden, links in zip(ends[self.first :], self.links, strict=True):
            for link in links:
                hidden = link(hidden)
            read.append(self.head(hidden))
        return read


def exits_of(chain: Chain) -> Exits:
    """Return where the head can read: in the last stage, while no later block changes the shape."""
    blocks = chain.blocks
    first = len(blocks) - 1
    while first and blocks[first].kind == "identity" and _same_stage(chain, first):
        first -= 1
    links: list[tuple[nn.Module, ...]] = []
    later: tuple[nn.Module, ...] = ()
    for step in reversed(list(chain.steps)):
        if isinstance(step, ResidualBlock | PlainBlock):
            links.insert(0, later)
        else:
            later = (step, *later)
    return Exits(first, tuple(links[first:]), chain.head)


def _same_stage(chain: Chain, number: int) -> bool:
    return chain.blocks[number - 1].stage == chain.blocks[-1].stage
