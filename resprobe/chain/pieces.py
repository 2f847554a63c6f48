"""Cut pieces out of a graph as modules that share the model's parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import fx, nn

from resprobe.chain.batch_sizes import size_from
from resprobe.chain.sums import Term, between
from resprobe.chain.trace import Trace
from resprobe.errors import ChainError

__all__ = ["piece", "sum_piece"]


def piece(trace: Trace, source: fx.Node, result: fx.Node) -> nn.Module:
    """Return the module that computes ``result`` from ``source``."""
    return sum_piece(trace, source, [Term(result)])


def sum_piece(trace: Trace, source: fx.Node, terms: Sequence[Term]) -> nn.Module:
    """Return the module that computes the scaled sum of ``terms`` from ``source``.

    Where that is a single module of the model, it is that module; where nothing lies between,
    the identity.
    """
    if len(terms) == 1 and terms[0].scale == 1:
        node = terms[0].node
        if node is source:
            return nn.Identity()
        if node.op == "call_module" and node.args == (source,) and not node.kwargs:
            module: nn.Module = trace.modules[str(node.target)]
            return module
    return _graph_module(trace, source, terms)


def _graph_module(trace: Trace, source: fx.Node, terms: Sequence[Term]) -> fx.GraphModule:
    needed = set().union(*(between(source, term.node)[0] for term in terms))
    if far := [node for node in needed if node.op == "placeholder"]:
        user = next(u for u in far[0].users if u in needed)
        raise ChainError(
            f"'{user.name}' is read off the images and used far behind them; "
            "read it off the tensor at hand instead, as in x.size(0)"
        )
    graph = fx.Graph()
    x = graph.placeholder("x")
    copies: dict[fx.Node, Any] = {source: x}
    for node in sorted(needed):
        if "size" in node.meta:
            copies[node] = size_from(graph, x, source, node)
        else:
            copies[node] = graph.node_copy(node, copies.__getitem__)
    total = None
    for term in terms:
        addend = copies[term.node]
        if term.scale != 1:
            addend = graph.call_method("mul", (addend, term.scale))
        total = addend if total is None else graph.call_method("add", (total, addend))
    graph.output(total)
    held = {
        str(node.target): trace.modules[str(node.target)]
        for node in needed
        if node.op in ("call_module", "get_attr")
    }
    return fx.GraphModule(held, graph, class_name="Piece")
