"""From a complete description to modules."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from torch import nn

from resprobe.networks.blocks import BlockDesign
from resprobe.networks.resnet import ResNet
from resprobe.networks.rules import SIZES
from resprobe.networks.vgg import VGG
from resprobe.networks.zoo import Line

if TYPE_CHECKING:
    from resprobe.networks.architecture import Architecture

__all__ = ["construct"]


def construct(network: Architecture) -> nn.Module:
    """Make the modules of a network, on torch's current default device, values unset."""
    of = network.member
    if of.line is Line.VGG:
        sizes = _values(network, *SIZES, "dropout")
        return VGG(of.depth, family=of.family, norm=of.norm, **sizes)
    design = BlockDesign(
        **_values(network, *(field.name for field in dataclasses.fields(BlockDesign)))
    )
    sizes = _values(network, *SIZES, "survival")
    return ResNet(design, stages=of.stages(design.block), family=of.family, **sizes)


def _values(network: Architecture, *fields: str) -> dict[str, Any]:
    """Return those of the fields that have a meaning in this network."""
    values = ((field, getattr(network, field)) for field in fields)
    return {field: value for field, value in values if value is not None}
