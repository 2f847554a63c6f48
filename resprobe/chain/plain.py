"""Plain blocks: the modules of a network without shortcuts that stand for its blocks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from torch import fx, nn

from resprobe.chain.sums import weighted_layers
from resprobe.chain.trace import Trace

__all__ = ["plain_runs"]

Edge = tuple[fx.Node, fx.Node]


def plain_runs(trace: Trace, singles: Sequence[Edge | None]) -> list[tuple[str, fx.Node, fx.Node]]:
    """Find the runs of a graph that one module of a class of its own makes up.

    Parameters
    ----------
    trace : Trace
        The model's graph.
    singles : sequence of (source, result) or None
        One entry per segment, in order: its ends where it is a single node, else None.

    Returns
    -------
    list of (name, source, result)
        For every module that is neither the model itself nor a mere container, whose nodes
        follow one another without a fork, and which has two or three weighted layers. In a
        network that has none and never forks, such as a VGG, those with one weighted layer.
    """
    runs: dict[int, list[tuple[str, fx.Node, fx.Node]]] = {1: [], 2: [], 3: []}
    for owner, group in groupby(singles, key=lambda edge: _owner(trace, edge)):
        edges = [edge for edge in group if edge is not None]
        layers = weighted_layers({result for _, result in edges}, trace)
        if owner and layers in runs:
            runs[layers].append((owner, edges[0][0], edges[-1][1]))
    blocks = sorted(runs[2] + runs[3], key=lambda run: run[1])
    return blocks if blocks or None in singles else runs[1]


def _owner(trace: Trace, edge: Edge | None) -> str:
    """Return the path of the innermost module whose own forward makes the call; "" for none."""
    if edge is None:
        return ""
    node = edge[1]
    stack = [path for path, _ in node.meta.get("nn_module_stack", {}).values()]
    if node.op == "call_module":
        stack = stack[:-1]
    owner = stack[-1] if stack else ""
    container = isinstance(trace.modules.get(owner), nn.Sequential | nn.ModuleList)
    return "" if container else owner
