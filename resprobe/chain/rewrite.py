"""Rewrite a traced graph so that it says the same in the form that discovery reads."""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx, nn

__all__ = [
    "add_what_is_stacked_and_summed",
    "freeze_other_sizes",
    "functionalise",
    "holds_tensor",
    "mark_what_carries_the_images",
    "take_batch_sizes_where_they_are_used",
]


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
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
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
        if node.target not in (torch.sum, "sum") or not isinstance(stack, fx.Node):
            continue
        axis = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
        along = stack.args[1] if len(stack.args) > 1 else stack.kwargs.get("dim", 0)
        plain = not set(node.kwargs) - {"dim"} and len(stack.users) == 1
        if stack.target is not torch.stack or not plain or axis not in (along, [along], (along,)):
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
        name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
        blind = None
        if name in _SHAPE_ONLY and node.op != "call_module":
            operands = [*node.args, *node.kwargs.values()]
            blind = operands[_SHAPE_ONLY[name]] if len(operands) > _SHAPE_ONLY[name] else None
        node.meta["carries"] = node.op == "placeholder" or (
            holds_tensor(values.get(node))
            and any(n.meta["carries"] for n in node.all_input_nodes if n is not blind)
        )


def holds_tensor(value: Any) -> bool:
    """Whether a value is a tensor, or a tuple, list or dict with one in it."""
    if isinstance(value, dict):
        return any(map(holds_tensor, value.values()))
    if isinstance(value, tuple | list) and not isinstance(value, torch.Size):
        return any(map(holds_tensor, value))
    return isinstance(value, Tensor)


def take_batch_sizes_where_they_are_used(graph: fx.Graph, values: dict[fx.Node, Any]) -> None:
    """Read the batch size off the tensor at hand instead of one from far back.

    ``n = x.size(0)`` at the start of a model and ``view(n, -1)`` at its end would keep ``n``
    alive all the way, and no point between would be a cut.
    """
    for node in list(graph.nodes):
        if not _is_batch_size(node, values):
            continue
        for user in list(node.users):
            near = next(
                (a for a in user.all_input_nodes if a.meta["carries"] and _has_batch(a, values)),
                None,
            )
            if near is None or near is _measured(node):
                continue
            with graph.inserting_before(user):
                size = graph.call_method("size", (near, 0))
            size.meta = {**user.meta, "carries": False}
            values[size] = values[node]
            user.replace_input_with(node, size)


def freeze_other_sizes(graph: fx.Graph, values: dict[fx.Node, Any]) -> None:
    """Write sizes other than the batch's as numbers where they are used far from their tensor."""
    follows = _what_follows_the_batch(graph, values)
    for user in list(graph.nodes):
        if user.op == "output" or not holds_tensor(values.get(user)):
            continue
        for size in list(user.all_input_nodes):
            if size.op == "get_attr" or size.meta["carries"] or holds_tensor(values[size]):
                continue
            value = values[size]
            if size in follows or _near(size, user):
                continue

            def written(n: fx.Node, size: fx.Node = size, value: Any = value) -> Any:
                return value if n is size else n

            user.args = fx.node.map_arg(user.args, written)
            user.kwargs = fx.node.map_arg(user.kwargs, written)


def _what_follows_the_batch(graph: fx.Graph, values: dict[fx.Node, Any]) -> set[fx.Node]:
    """Return the sizes that another batch would change: n, 2 * n, and whole shapes."""
    batch = next(len(v) for n, v in values.items() if n.op == "placeholder")
    follows: set[fx.Node] = set()
    for node in graph.nodes:
        value = values.get(node)
        if node.meta.get("carries") or holds_tensor(value):
            continue
        whole = isinstance(value, tuple) and value[:1] == (batch,)
        derived = any(n in follows for n in node.all_input_nodes)
        part = (
            node.target is operator.getitem
            and isinstance(node.args[0], fx.Node)
            and isinstance(values.get(node.args[0]), tuple)
        )
        if whole or (
            _is_batch_size(node, values) if part else derived or _is_batch_size(node, values)
        ):
            follows.add(node)
    return follows


def _near(size: fx.Node, user: fx.Node) -> bool:
    waiting, seen = [size], set()
    while waiting:
        for needed in waiting.pop().all_input_nodes:
            if needed.meta["carries"]:
                seen.add(needed)
            else:
                waiting.append(needed)
    return seen <= set(user.all_input_nodes)


def _measured(node: fx.Node) -> fx.Node | None:
    """Return the tensor whose first size ``node`` is, as ``size(0)`` or ``shape[0]``."""
    if (
        node.op == "call_method"
        and node.target == "size"
        and (node.args[1:] == (0,) or node.kwargs == {"dim": 0})
    ):
        tensor = node.args[0]
    elif node.target is operator.getitem and node.args[1] == 0:
        shape = node.args[0]
        if not isinstance(shape, fx.Node) or shape.target not in ("size", getattr):
            return None
        tensor = shape.args[0]
    else:
        return None
    return tensor if isinstance(tensor, fx.Node) else None


def _is_batch_size(node: fx.Node, values: dict[fx.Node, Any]) -> bool:
    tensor = _measured(node)
    return isinstance(values.get(node), int) and tensor is not None and _has_batch(tensor, values)


def _has_batch(node: fx.Node, values: dict[fx.Node, Any]) -> bool:
    batch = next(len(v) for n, v in values.items() if n.op == "placeholder")
    value = values.get(node)
    return isinstance(value, Tensor) and value.dim() > 0 and len(value) == batch
