"""Rewrite a traced graph so that it says the same in the form that discovery reads."""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn

from resprobe.chain.evaluate import TraceError
from resprobe.chain.operations import holds_tensor, operation, where

__all__ = [
    "add_what_is_multiplied_and_added",
    "add_what_is_stacked_and_summed",
    "changes_in_place",
    "functionalise",
    "mark_what_carries_the_images",
]


def changes_in_place(graph: fx.Graph, modules: dict[str, Any]) -> bool:
    """Whether any operation changes its input."""
    return any(_changes_its_input(node, modules) for node in graph.nodes)


def _changes_its_input(node: fx.Node, modules: dict[str, Any]) -> bool:
    if node.op == "call_module":
        return bool(getattr(modules[str(node.target)], "inplace", False))
    return node.kwargs.get("inplace") is True or _pure_twin(node) is not None


def functionalise(
    graph: fx.Graph, modules: dict[str, Any], storages: dict[fx.Node, set[int]]
) -> dict[str, nn.Module]:
    """Replace in-place operations by their pure twins; return the modules that this changes.

    After ``relu_(x)`` the name ``x`` means the changed tensor, so every later use of ``x`` is
    pointed to the operation's result.

    Parameters
    ----------
    graph : fx.Graph
        Changed in place.
    modules : dict
        By the path that the graph calls them by.
    storages : dict
        Where the tensors of every node lie in memory.

    Raises
    ------
    TraceError
        If a changed tensor is used later under another name that shares its memory.
    """
    replaced: dict[str, nn.Module] = {}
    sharing: dict[int, list[fx.Node]] = {}
    for node, places in storages.items():
        for place in places:
            sharing.setdefault(place, []).append(node)
    for node in list(graph.nodes):
        if _changes_its_input(node, modules):
            _make_pure(node, modules, replaced)
            if storages[node]:  # a number is never changed, only replaced
                _redirect_later_uses(node)
                _refuse_other_names(node, {n for at in storages[node] for n in sharing[at]})
        elif isinstance(out := node.kwargs.get("out"), fx.Node):
            node.kwargs = {k: v for k, v in node.kwargs.items() if k != "out"}
            for user in [u for u in out.users if node < u]:
                user.replace_input_with(out, node)
    return replaced


def _make_pure(node: fx.Node, modules: dict[str, Any], replaced: dict[str, nn.Module]) -> None:
    if node.op == "call_module":
        # a shallow copy shares the parameters and differs in the flag alone
        twin = copy.copy(modules[str(node.target)])
        twin.inplace = False
        replaced[str(node.target)] = twin
    elif node.kwargs.get("inplace") is True:
        node.kwargs = {**node.kwargs, "inplace": False}
    else:
        pure = _pure_twin(node)
        assert pure is not None, "the operation changes its input"
        node.target = pure


def _refuse_other_names(node: fx.Node, same_memory: set[fx.Node]) -> None:
    for other in same_memory:
        if other is not node and other < node and any(node < user for user in other.users):
            raise TraceError(
                f"'{where(node)}' changes in place what '{other.name}' shares its memory with; "
                "change a copy instead"
            )


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


def add_what_is_multiplied_and_added(graph: fx.Graph) -> None:
    """Write ``torch.addcmul(x, gamma, f)`` as x + gamma f: a layer scale."""
    for node in list(graph.nodes):
        if operation(node) != "addcmul":
            continue
        names = ("input", "tensor1", "tensor2")
        operands: list[Any] = [*node.args, *(node.kwargs[n] for n in names if n in node.kwargs)]
        x, *factors = operands
        with graph.inserting_before(node):
            product = graph.call_function(operator.mul, tuple(factors))
            scale = {"alpha": node.kwargs["value"]} if "value" in node.kwargs else {}
            total = graph.call_function(torch.add, (x, product), scale)
        product.meta, total.meta = dict(node.meta), dict(node.meta)
        node.replace_all_uses_with(total)
        graph.erase_node(node)


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
