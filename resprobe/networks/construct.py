"""From a complete description to modules."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from torch import nn

from resprobe.networks.blocks import BlockDesign, PlainBlock, ResidualBlock
from resprobe.networks.resnet import ResNet
from resprobe.networks.rules import SIZES
from resprobe.networks.stochastic import branch_droppers
from resprobe.networks.vgg import VGG, Layer
from resprobe.networks.zoo import Line

if TYPE_CHECKING:
    from resprobe.networks.architecture import Architecture

__all__ = ["construct"]


def construct(network: Architecture) -> nn.Module:
    """Make the modules of a network, on torch's current default device, values unset."""
    whole = _whole(network)
    _leave_out(network.drop, whole)
    return whole


def _whole(network: Architecture) -> nn.Module:
    of = network.member
    if of.line is Line.VGG:
        sizes = _values(network, *SIZES, "dropout")
        return VGG(of.depth, family=of.family, norm=of.norm, **sizes)
    design = BlockDesign(
        **_values(network, *(field.name for field in dataclasses.fields(BlockDesign)))
    )
    stages = of.stages(design.block)
    drops = branch_droppers(
        sum(stages),
        survival=network.survival,
        blocks_per_batch=network.blocks_per_batch,
        scaling=network.survival_scaling,
    )
    sizes = _values(network, *SIZES)
    return ResNet(design, stages=stages, family=of.family, droppers=drops, **sizes)


def _leave_out(blocks: Iterable[int], whole: nn.Module) -> None:
    """Take the branches of residual blocks away, and put the identity in place of others."""
    found = [
        (path, part) for path, part in whole.named_modules() if isinstance(part, PlainBlock | Layer)
    ]
    for block in blocks:
        path, part = found[block]
        if isinstance(part, ResidualBlock):
            part.drop_branch()
        else:
            whole.set_submodule(path, nn.Identity())


def _values(network: Architecture, *fields: str) -> dict[str, Any]:
    """Return those of the fields that have a meaning in this network."""
    values = ((field, getattr(network, field)) for field in fields)
    return {field: value for field, value in values if value is not None}
