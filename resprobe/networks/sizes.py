"""How large the networks are, and what they cost, as tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

import pandas as pd
import torch
from torch import nn

from resprobe.networks.architecture import Architecture
from resprobe.networks.blocks import BlockDesign, ResidualBlock
from resprobe.networks.cost import count_parameters, multiply_adds
from resprobe.networks.options import BlockKind, Family, Layout

__all__ = ["block_costs", "size_table"]


def size_table(architectures: Iterable[Architecture]) -> pd.DataFrame:
    """List networks with their sizes and costs, counted on the ``meta`` device.

    A bottleneck network of the ImageNet family has a row for each layout, whichever it was
    given with: the two have the same parameters and differ in cost.

    Parameters
    ----------
    architectures : iterable of Architecture
        In the order of the rows; what is given twice is listed once.

    Returns
    -------
    DataFrame
        ``network`` (name and options, but for the layout), ``layout`` ("v1.5", "paper", or
        "" where there is one only), ``block`` ("basic", "bottleneck", or "" for VGG),
        ``blocks`` (of VGG: layers with their activation), ``depth`` (weighted layers),
        ``width`` (inner channels of the first stage), ``parameters``, ``multiply_adds`` (of
        one image, as :func:`multiply_adds` counts), ``image_size`` (pixels).

    References
    ----------
    He et al. 2015, tables 1 and 6.

    Examples
    --------
    >>> table = size_table([Architecture("resnet50"), Architecture("resnet20")])
    >>> table[["layout", "parameters", "multiply_adds"]].to_numpy().tolist()[1]
    ['paper', 25557032, 3857973248]
    """
    rows = [_row(layout) for given in architectures for layout in _layouts(given)]
    return pd.DataFrame(rows, columns=_COLUMNS).drop_duplicates(ignore_index=True)


_COLUMNS = [
    "network",
    "layout",
    "block",
    "blocks",
    "depth",
    "width",
    "parameters",
    "multiply_adds",
    "image_size",
]


def _layouts(given: Architecture) -> Iterator[Architecture]:
    both = given.family is Family.IMAGENET and given.block is BlockKind.BOTTLENECK
    for layout in Layout if both else [given.layout]:
        yield dataclasses.replace(given, layout=layout)


def _row(architecture: Architecture) -> dict[str, str | int | None]:
    network = architecture.build(device="meta")
    size = architecture.image_size
    example = torch.empty(1, architecture.in_channels, size, size, device="meta")
    is_imagenet = architecture.family is Family.IMAGENET
    return {
        "network": dataclasses.replace(architecture, layout=None).spec,
        "layout": str(architecture.layout or "") if is_imagenet else "",
        "block": str(architecture.block or ""),
        "blocks": architecture.blocks_in_all - len(architecture.drop),
        "depth": architecture.depth,
        "width": architecture.width,
        "parameters": count_parameters(network),
        "multiply_adds": multiply_adds(network, example),
        "image_size": size,
    }


def block_costs() -> pd.DataFrame:
    """Compare a 64-channel basic block with a 256-channel bottleneck on maps of 56x56.

    They cost about the same, which is what bottlenecks are for.

    Returns
    -------
    DataFrame
        ``block`` ("basic", "bottleneck"), ``channels`` (of input and output), ``weights`` (of
        the convolutions; BN, which adds less than 2 %, is not counted), ``multiply_adds``
        (of one image), ``map_size`` (positions in each direction).

    References
    ----------
    He et al. 2015, figure 5.

    Examples
    --------
    >>> block_costs()[["channels", "weights"]].to_numpy().tolist()
    [[64, 73728], [256, 69632]]
    """
    width, map_size = 64, 56
    rows = []
    for kind in BlockKind:
        channels = width * kind.expansion
        with torch.device("meta"):
            block = ResidualBlock(channels, width, stride=1, design=BlockDesign(block=kind))
            example = torch.empty(1, channels, map_size, map_size)
        layers = [part for part in block.modules() if isinstance(part, nn.Conv2d)]
        rows.append(
            {
                "block": kind.value,
                "channels": channels,
                "weights": sum(count_parameters(layer) for layer in layers),
                "multiply_adds": multiply_adds(block, example),
                "map_size": map_size,
            }
        )
    return pd.DataFrame(rows)
