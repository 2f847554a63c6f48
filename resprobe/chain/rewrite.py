"""Rewrite a traced graph so that it says the same in the form that discovery reads."""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn

from resprobe.chain.operations import holds_tensor, operation

__all__ = ["add_what_is_stacked_and_summed", "functionalise", "mark_what_carries_the_images"]


def functionalise(graph: fx.Graph, modules: dict[str, Any]) -> dict[str, nn.Module]:
    """Replace in-place operations by their pure twins; return the modules that this changes.

    After ``relu_(x)`` the name ``x`` means the changed tensor, so every later use of ``x`` is
    pointed to the operation's result.
    """
    replaced: dict[str, nn.Module] = {}
    for node in list(graph.nodes):
        if node.op == "call_module" and getattr(modules[node.target], "inplace", False):
            # a shallow copy shares the parameters and differs in the flag alone
            twin = copy.copy(modules[node.target])
            twin.inplace = False
            replaced[node.target] = twin
        elif node.kwargs.get("inplace") is True:
            node.kwargs = {**node.kwargs, "inplace": False}
        elif (pure := _pure_twin(node)) is not None:
            node.target = pure
        elif isinstance(out := node.kwargs.get("out"), fx.Node):
            node.kwargs = {k: v for k, v in node.kwargs.items() if k != "out"}
            for user in [u for u in out.users if node < u]:
                user.replace_input_with(out, node)
            continue
        else:
            continue
        _redirect_later_uses(node)
    return replaced


def _pure_twin(node: fx.Node) -> str | Callable[..., Any] | None:
    """Return what a method or function ending in ``_``, or an operator ``i...``, stands for."""
    name = operation(node)
    if node.op == "call_method" and name.endswith("_") and not name.endswith("__"):
        return name[:-1]
    if node.op != "call_function":
        return None
    if getattr(operator, name, None) is node.target and name.startswith("i"):
        twin: Callable[..., Any] | None = getattr(operator, name[1:], None)
        return twin
    if name.endswith("_") and not name.endswith("__"):
        return getattr(torch, name[:-1], None) or getattr(nn.functional, name[:-1], None)
    return None


def _redirect_later_uses(node: fx.Node) -> None:
    changed = node.args[0] if node.args else node.kwargs.get("input")
    if not isinstance(changed, fx.Node):
        return
    for user in list(changed.users):
        if user is not node and node < user:
            user.replace_input_with(changed, node)


def add_what_is_stacked_and_summed(graph: fx.Graph) -> None:
    """Write ``torch.stack([x, f]).sum(0)`` as the sum that it is."""
    for node in list(graph.nodes):
        stack = node.args[0] if node.args else None
        if operation(node) != "sum" or not isinstance(stack, fx.Node):
            continue
        axis = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
        along = stack.args[1] if len(stack.args) > 1 else stack.kwargs.get("dim", 0)
        plain = not set(node.kwargs) - {"dim"} and len(stack.users) == 1
        stacked = operation(stack) == "stack" and axis in (along, [along], (along,))
        if not stacked or not plain:
            continue
        addends = stack.args[0] if stack.args else stack.kwargs["tensors"]
        if not isinstance(addends, list | tuple):
            continue
        total = addends[0]
        for addend in addends[1:]:
            with graph.inserting_before(node):
                total = graph.call_function(operator.add, (total, addend))
            total.meta = dict(node.meta)
        node.replace_all_uses_with(total)
        graph.erase_node(node)
        graph.erase_node(stack)


_SHAPE_ONLY = {
    "expand_as": 1,
    "view_as": 1,
    "reshape_as": 1,
    "type_as": 1,
    "zeros_like": 0,
    "ones_like": 0,
    "empty_like": 0,
    "full_like": 0,
    "rand_like": 0,
    "randn_like": 0,
    "new_zeros": 0,
    "new_ones": 0,
    "new_full": 0,
    "new_empty": 0,
    "new_tensor": 0,
}  # the argument that gives nothing but its shape, type and place


def mark_what_carries_the_images(graph: fx.Graph, values: dict[fx.Node, Any]) -> None:
    """Mark every node that holds a tensor computed from the images' values."""
    for node in graph.nodes:
        blind, place = None, _SHAPE_ONLY.get(operation(node))
        if place is not None:
            operands = [*node.args, *node.kwargs.values()]
            blind = operands[place] if len(operands) > place else None
        node.meta["carries"] = node.op == "placeholder" or (
            holds_tensor(values.get(node))
            and any(n.meta["carries"] for n in node.all_input_nodes if n is not blind)
        )
