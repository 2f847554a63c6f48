"""Plain blocks: what stands for the blocks of a network without shortcuts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from torch import fx, nn

from resprobe.chain.operations import operation, where
from resprobe.chain.sums import is_activation, parameters_of, weighted_layers
from resprobe.chain.trace import Trace

__all__ = ["Edge", "Run", "layer_runs", "plain_runs"]

Edge = tuple[fx.Node, fx.Node]
Run = tuple[str, fx.Node, fx.Node]


def plain_runs(trace: Trace, singles: Sequence[Edge | None]) -> list[Run]:
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
    runs: dict[int, list[Run]] = {1: [], 2: [], 3: []}
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


def layer_runs(trace: Trace, singles: Sequence[Edge | None]) -> list[Run]:
    """Find the single layers of a network that never forks.

    Parameters
    ----------
    trace, singles
        As in :func:`plain_runs`.

    Returns
    -------
    list of (name, source, result)
        For every convolution, or other layer whose weights see more than one position, with
        the norms and activations that directly follow it. Layers that give one vector per
        image belong to the head.
    """
    runs: list[Run] = []
    grows = False
    for edge in singles:
        if edge is None:
            return []
        source, result = edge
        if _is_layer(result, trace):
            runs.append((_own_name(result), source, result))
            grows = True
        elif grows and (is_activation(result, trace) or _is_norm(result, trace)):
            name, begin, _ = runs[-1]
            runs[-1] = name, begin, result
        else:
            grows = False
    return runs


def _is_layer(node: fx.Node, trace: Trace) -> bool:
    weights = [p for p in parameters_of(node, trace) if p.dim() >= 2]
    if not weights or trace.values[node].dim() < 3:
        return False
    return bool(trace.values[node][0].numel() > len(weights[0]))  # more positions than one


def _own_name(node: fx.Node) -> str:
    return str(node.target) if node.op == "call_module" else where(node)


def _is_norm(node: fx.Node, trace: Trace) -> bool:
    called = node.op == "call_module"
    name = type(trace.modules[str(node.target)]).__name__ if called else operation(node)
    return "norm" in name.lower()
