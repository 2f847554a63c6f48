"""Rewrite a piece of a chain so that it computes the same in fewer passes over memory.

BatchNorm goes into the layer before it, and an activation of what a layer has just made needs
no memory of its own. Nothing of the model is changed: modules that would be are copied,
parameters that stay as they are remain shared.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import fx, nn

from resprobe.chain.folding import CONVOLUTIONS, NORMS, fold_norms, is_hooked, twin_of
from resprobe.chain.operations import operation

__all__ = ["Lean", "is_fresh", "lean"]

_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)


class Lean(NamedTuple):
    """A rewritten piece, and how many BatchNorm layers it has lost."""

    piece: nn.Module
    folded: int


def lean(piece: nn.Module, memory_format: torch.memory_format) -> Lean:
    """Return a copy of a piece in eval mode that computes the same, but for rounding, faster.

    Parameters
    ----------
    piece : nn.Module
        A module of the model, or a graph of calls of such: see :mod:`resprobe.chain.pieces`.
    memory_format : torch.memory_format
        How the weights of two-dimensional convolutions lie in memory.

    Examples
    --------
    >>> graph = fx.symbolic_trace(nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).eval())
    >>> [type(module).__name__ for module in lean(graph, torch.channels_last).piece.children()]
    ['Conv2d']
    """
    if not isinstance(piece, fx.GraphModule):
        return Lean(_laid_out(twin_of(piece), memory_format), 0)
    graph = fx.Graph()
    graph.output(graph.graph_copy(piece.graph, {}))
    held = {
        str(node.target): _found(piece, str(node.target))
        for node in graph.nodes
        if node.op in ("call_module", "get_attr")
    }
    _drop_dropout(graph, held)
    folded = fold_norms(graph, held)
    _activate_in_place(graph, held)
    used = {str(node.target) for node in graph.nodes if node.op in ("call_module", "get_attr")}
    twins: dict[int, nn.Module] = {}
    for target in used:
        if isinstance(module := held[target], nn.Module):
            twin = twins.setdefault(id(module), _laid_out(twin_of(module), memory_format))
            held[target] = twin
    root = {target: held[target] for target in used}
    return Lean(fx.GraphModule(root, graph, class_name="Piece").eval(), folded)


def is_fresh(piece: nn.Module) -> bool:
    """Whether what a piece returns is a tensor of its own, which nobody else sees."""
    if not isinstance(piece, fx.GraphModule):
        return type(piece) in _MAKERS and not is_hooked(piece)
    result: Any = piece.graph.output_node().args[0]
    if operation(result) == "relu_":
        result = result.args[0]
    return _makes_its_own(result, dict(piece.named_modules(remove_duplicate=False)))


_MAKERS = (*CONVOLUTIONS, *NORMS, nn.Linear)


def _makes_its_own(node: Any, held: dict[str, Any]) -> bool:
    called = isinstance(node, fx.Node) and node.op == "call_module"
    return called and type(held[str(node.target)]) in _MAKERS and not is_hooked(held[node.target])


def _found(holder: Any, path: str) -> Any:
    for name in path.split("."):
        holder = getattr(holder, name)
    return holder


def _laid_out(twin: nn.Module, memory_format: torch.memory_format) -> nn.Module:
    if type(twin) in (nn.Conv2d, nn.ConvTranspose2d) and "weight" in twin._parameters:
        weight = twin._parameters["weight"]
        assert weight is not None, "a convolution has a weight"
        laid_out = weight.detach().contiguous(memory_format=memory_format)
        twin._parameters["weight"] = nn.Parameter(laid_out, requires_grad=False)
    return twin


def _drop_dropout(graph: fx.Graph, held: dict[str, Any]) -> None:
    for node in list(graph.nodes):
        module = held.get(str(node.target)) if node.op == "call_module" else None
        if isinstance(module, _DROPOUTS) and not is_hooked(module) and len(node.args) == 1:
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)


def _activate_in_place(graph: fx.Graph, held: dict[str, Any]) -> None:
    """Let a ReLU overwrite what a layer has made for it alone."""
    for node in list(graph.nodes):
        is_module = node.op == "call_module" and type(held[str(node.target)]) is nn.ReLU
        if is_module and is_hooked(held[str(node.target)]):
            continue
        if not is_module and operation(node) != "relu":
            continue
        made = node.all_input_nodes[0]
        if len(made.users) == 1 and _makes_its_own(made, held):
            with graph.inserting_before(node):
                twin = graph.call_function(torch.relu_, (made,))
            twin.meta = dict(node.meta)
            node.replace_all_uses_with(twin)
            graph.erase_node(node)
