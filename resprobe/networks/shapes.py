"""Which blocks of a network keep the shape of what they are given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resprobe.networks.options import BlockKind
from resprobe.networks.vgg import layer_sizes
from resprobe.networks.zoo import Line

if TYPE_CHECKING:
    from resprobe.networks.architecture import Architecture

__all__ = ["keeps_shape"]


def keeps_shape(network: Architecture) -> list[bool]:
    """Tell for each block of the whole network, in order, whether shapes stay as they are.

    The first block of a stage halves the map and doubles the channels; in the first stage it
    does not, but a bottleneck then widens. The blocks of a VGG are its layers with an
    activation.
    """
    of = network.member
    assert network.width is not None, "filled in from the name"
    if of.line is Line.VGG:
        groups, hidden = layer_sizes(
            of.depth, family=of.family, in_channels=network.in_channels, width=network.width
        )
        return [first == second for group in (*groups, hidden) for first, second in group]
    assert network.block is not None, "every network of blocks has a kind of them"
    return [
        block > 0 or (stage == 0 and network.block is BlockKind.BASIC)
        for stage, blocks in enumerate(of.stages(network.block))
        for block in range(blocks)
    ]
