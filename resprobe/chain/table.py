"""The chain as a table: what stands where, with shapes, parameters and cost."""

from __future__ import annotations

import pandas as pd
import torch

from resprobe.chain.chain import Chain, Link, PlainBlock, ResidualBlock, Step
from resprobe.chain.state import left_as_found
from resprobe.networks.cost import count_parameters, multiply_adds

__all__ = ["block_table"]


def block_table(chain: Chain, *, costs: bool = True) -> pd.DataFrame:
    """List every step of a chain, in order.

    Parameters
    ----------
    chain : Chain
        From :func:`resprobe.unravel`; left as it was found.
    costs : bool
        Whether multiply-adds are counted, which runs every step on stand-ins of its weights.

    Returns
    -------
    DataFrame
        ``block`` (number from 0, -1 for stem, links and head), ``name``, ``kind`` ("stem",
        "identity", "transition", "link", "head"),
        ``stage``, ``in_shape``, ``out_shape`` (without the batch, "16x32x32"),
        ``parameters``, ``multiply_adds`` (convolutions, linear layers and matrix products of
        one image; not there where ``costs`` is False), ``merge`` (how paths inside a link come
        together, if not by a sum).

    Examples
    --------
    >>> from resprobe.chain import unravel
    >>> from resprobe.networks import Architecture
    >>> chain = unravel(Architecture("plain8").build(), torch.zeros(1, 3, 32, 32))
    >>> block_table(chain)["kind"].tolist()
    ['stem', 'identity', 'transition', 'transition', 'head']
    """
    middle = [step for step in chain.steps if isinstance(step, Step)]
    steps = [chain.stem, *middle, chain.head]
    kinds = ["stem", *(_kind(step) for step in middle), "head"]
    numbers = iter(range(len(chain.blocks)))
    with left_as_found(chain, training=False), torch.no_grad():
        rows = [_row(step, kind, costs=costs) for step, kind in zip(steps, kinds, strict=True)]
    blocks = [-1 if isinstance(step, Link) else next(numbers) for step in steps]
    frame = pd.DataFrame(rows)
    frame.insert(0, "block", blocks)
    return frame


def _kind(step: Step) -> str:
    if isinstance(step, Link):
        return "link"
    assert isinstance(step, ResidualBlock | PlainBlock)
    return step.kind


def _row(step: Step, kind: str, *, costs: bool) -> dict[str, str | int]:
    return {
        "name": step.name,
        "kind": kind,
        "stage": getattr(step, "stage", 0),
        "in_shape": "x".join(map(str, step.in_shape)),
        "out_shape": "x".join(map(str, step.out_shape)),
        "parameters": count_parameters(step),
        **({"multiply_adds": _multiply_adds(step)} if costs else {}),
        "merge": getattr(step, "merge", ""),
    }


def _multiply_adds(step: Step) -> int:
    reference = next(step.parameters(), torch.empty(0))
    example = torch.zeros(1, *step.in_shape, device=reference.device, dtype=reference.dtype)
    return multiply_adds(step, example)
