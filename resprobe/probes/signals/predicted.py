"""The laws beside the blocks of a chain, as far as they say something of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import pandas as pd
from torch import fx, nn

from resprobe.chain import Block, Chain, PlainBlock, ResidualBlock
from resprobe.chain.operations import operation
from resprobe.probes.signals.gradient_laws import (
    block_growth,
    correlation_of_shares,
    plain_correlation,
)
from resprobe.probes.signals.laws import normalised_share

__all__ = ["is_normalised", "laws_of"]


def is_normalised(block: Block) -> bool:
    """Whether there is a normalisation, of any kind, on the block's branch.

    Examples
    --------
    >>> import torch
    >>> from resprobe import Architecture, unravel
    >>> x = torch.zeros(1, 3, 32, 32)
    >>> [is_normalised(unravel(Architecture("resnet8", width=4, init=init).build(), x).blocks[0])
    ...  for init in ("he", "skipinit")]
    [True, False]
    """
    inside = block.layers if isinstance(block, PlainBlock) else block.branch
    return any(_normalises(module) for module in inside.modules())


def _normalises(module: nn.Module) -> bool:
    if isinstance(module, fx.GraphModule):
        return any(operation(node).endswith("norm") for node in module.graph.nodes)
    return "norm" in type(module).__name__.lower()


def rectified_layers(block: Block, layers: int) -> int:
    """Return how many of the layers on the branch take what a ReLU of theirs gives.

    All, as in BN-ReLU-W; where the activation follows the sum, all but the first, which takes the
    block's input as it is.
    """
    first = isinstance(block, ResidualBlock) and not isinstance(block.after, nn.Identity)
    return max(layers - first, 0)


def laws_of(chain: Chain, frame: pd.DataFrame) -> dict[str, list[float]]:
    """Return what the laws say of each block; no number is fitted.

    Parameters
    ----------
    chain : Chain
        The network.
    frame : DataFrame
        The blocks' ``layers``, ``shortcut_variance``, ``branch_share`` and ``gradient_norm``.

    Returns
    -------
    dict
        ``shortcut_variance_law, branch_share_law``: with normalised branches, all of which add
        the same variance, share / (1 + share l); without, a constant share. l counts from the
        stage's first block, which gives the share. NaN for plain blocks.
        ``gradient_norm_law, gradient_correlation_law``: from the shares as measured, block by
        block, the norm beginning at the last one; for plain blocks from their layers alone. An
        activation behind the sum is not accounted for.
    """
    normalised = [is_normalised(block) for block in chain.blocks]
    layers = [
        rectified_layers(block, count)
        for block, count in zip(chain.blocks, frame["layers"].to_list(), strict=True)
    ]
    rows = frame[["shortcut_variance", "branch_share"]].to_dict("records")
    variances, shares = _along(chain.blocks, rows, normalised)
    measured = frame["branch_share"].to_list()
    return {
        "shortcut_variance_law": variances,
        "branch_share_law": shares,
        "gradient_norm_law": _norms(
            float(frame["gradient_norm"].iloc[-1]), measured, layers, normalised
        ),
        "gradient_correlation_law": _correlations(measured, layers, normalised),
    }


def _along(
    blocks: Sequence[Block], rows: Sequence[dict[Any, Any]], normalised: Sequence[bool]
) -> tuple[list[float], list[float]]:
    variances, shares = [], []
    for _, stage in groupby(range(len(blocks)), key=lambda number: blocks[number].stage):
        first, *_ = numbers = list(stage)
        start, share = rows[first]["shortcut_variance"], rows[first]["branch_share"]
        for steps, number in enumerate(numbers):
            grown = 1 + share * steps if normalised[number] else _power(1 + share, steps)
            variances.append(start * grown)
            shares.append(normalised_share(steps, first=share) if normalised[number] else share)
    return variances, shares


def _power(base: float, exponent: int) -> float:
    try:
        return float(base**exponent)
    except OverflowError:
        return math.inf


def _norms(
    last: float, shares: Sequence[float], layers: Sequence[int], normalised: Sequence[bool]
) -> list[float]:
    found = [last]
    blocks = list(zip(shares, layers, normalised, strict=True))
    for share, count, norm in reversed(blocks[:-1]):
        found.append(found[-1] * block_growth(share, layers=count, normalised=norm))
    return found[::-1]


def _correlations(
    shares: Sequence[float], layers: Sequence[int], normalised: Sequence[bool]
) -> list[float]:
    if math.isnan(shares[0]):
        return [plain_correlation(1, layers=sum(layers[number:])) for number in range(len(layers))]
    return [
        correlation_of_shares(
            shares[number:], layers=layers[number:], normalised=normalised[number:]
        )
        for number in range(len(layers))
    ]
