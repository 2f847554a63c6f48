"""From a model to a graph without in-place operations, with the shape of every value."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

from resprobe.chain.batch_sizes import check_sizes, mark_sizes
from resprobe.chain.evaluate import TraceError, evaluate, shape_only
from resprobe.chain.operations import is_wrapper, tensors_in
from resprobe.chain.rewrite import (
    add_what_is_multiplied_and_added,
    add_what_is_stacked_and_summed,
    changes_in_place,
    functionalise,
    mark_what_carries_the_images,
)
from resprobe.errors import ChainError

__all__ = ["Trace", "attributes_as_found", "evaluated", "unwrapped"]


@dataclass(frozen=True)
class Trace:
    """A model's graph, the modules that it calls by path, and every value on the example."""

    graph: fx.Graph
    modules: dict[str, Any]
    values: dict[fx.Node, Any]

    @property
    def source(self) -> fx.Node:
        """The node of the model's input."""
        nodes: list[fx.Node] = list(self.graph.nodes)
        return next(node for node in nodes if node.op == "placeholder")

    def from_images(self) -> list[fx.Node]:
        """Return the nodes that the images reach, in order; the others are the model's own."""
        return [n for n in self.graph.nodes if n.meta.get("carries") and n is not self.source]

    @property
    def sink(self) -> fx.Node:
        """The node of the model's output."""
        result = self.graph.output_node().args[0]
        if not isinstance(result, fx.Node) or not isinstance(self.values[result], Tensor):
            raise ChainError(
                "the model returns more than one value; wrap it in a module that returns the logits"
            )
        return result


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the user's own module inside DataParallel, DDP and ``torch.compile`` wrappers."""
    while True:
        if isinstance(model, DataParallel | DistributedDataParallel):
            model = model.module
        elif isinstance(inner := getattr(model, "_orig_mod", None), nn.Module):
            model = inner
        else:
            return model


def evaluated(
    graph: fx.Graph, model: nn.Module, constants: dict[str, Any], example: Tensor
) -> Trace:
    """Switch in-place operations off in a traced graph, and evaluate it on the example.

    Parameters
    ----------
    graph : fx.Graph
        Of the model, changed in place; it calls modules and reads attributes by path.
    model : nn.Module
        Where those modules and attributes are.
    constants : dict
        Tensors that the tracer met on its way, by the name that the graph reads them by.
    example : Tensor of shape (N, C, H, W)

    Raises
    ------
    TraceError
        If the graph has more than one input, calls what it does not show, or does not run.
    """
    modules: dict[str, Any] = dict(model.named_modules(remove_duplicate=False))
    attributes = {node.target for node in graph.nodes if node.op == "get_attr"}
    modules |= {path: _attribute(model, constants, path) for path in attributes}
    _drop_checks(graph)
    _drop_identities(graph, modules)
    written = _storages(graph, modules, example) if changes_in_place(graph, modules) else {}
    modules |= functionalise(graph, modules, written)
    _drop_what_is_unused(graph)  # after: an in-place statement has no users until then
    _refuse_what_is_not_shown(graph, modules)
    add_what_is_stacked_and_summed(graph)
    add_what_is_multiplied_and_added(graph)
    graph_module = fx.GraphModule(_used(graph, modules), graph)
    values = evaluate(graph_module, example)
    more = evaluate(graph_module, torch.cat([example, example[:1]]), keep=shape_only)
    mark_sizes(graph_module.graph, values, more)
    check_sizes(graph_module, values, example)
    mark_what_carries_the_images(graph_module.graph, values)
    return Trace(graph_module.graph, modules, values)


def _attribute(model: nn.Module, constants: dict[str, Any], path: str) -> Any:
    return constants[path] if path in constants else operator.attrgetter(path)(model)


def _refuse_what_is_not_shown(graph: fx.Graph, modules: dict[str, Any]) -> None:
    """Raise for a second input, and for a module that may hold blocks and was not looked into."""
    inputs = [node for node in graph.nodes if node.op == "placeholder"]
    if len(inputs) != 1 or str(inputs[0].target).startswith("*"):
        names = ", ".join(str(node.target) for node in inputs) or "nothing"
        raise TraceError(f"its forward must take one tensor, the images; it takes {names}")
    for node in graph.nodes:
        module = modules.get(str(node.target)) if node.op == "call_module" else None
        if is_wrapper(module):
            raise TraceError(
                f"'{node.target}' is a {type(module).__name__}, whose inside cannot be traced and "
                "may hold blocks; put the module itself in its place"
            )


_CHECKS = ("_assert", "_assert_is_none", "_assert_scalar", "_assert_tensor_metadata")


def _drop_checks(graph: fx.Graph) -> None:
    """Remove what tracers add to guard sizes, and arguments that were fixed to their defaults."""
    for node in reversed(list(graph.nodes)):
        name = getattr(node.target, "__name__", "").partition(".")[0]
        if node.op == "call_function" and name in _CHECKS:
            graph.erase_node(node)
    others = [node for node in graph.nodes if node.op == "placeholder"][1:]
    for node in [*reversed(graph.nodes)]:
        of_others = bool(node.all_input_nodes) and set(node.all_input_nodes) <= set(others)
        if not node.users and (of_others or node in others):
            graph.erase_node(node)


def _drop_what_is_unused(graph: fx.Graph) -> None:
    """Remove what nobody takes, layers among them: they keep nothing alive."""
    for node in reversed(list(graph.nodes)):
        if not node.users and node.op not in ("output", "placeholder"):
            graph.erase_node(node)


def _drop_identities(graph: fx.Graph, modules: dict[str, Any]) -> None:
    """Remove the calls of modules that pass their input on: an identity is no layer."""
    for node in list(graph.nodes):
        if node.op == "call_module" and type(modules.get(str(node.target))) is nn.Identity:
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)


def _storages(graph: fx.Graph, modules: dict[str, Any], x: Tensor) -> dict[fx.Node, set[int]]:
    """Return where the tensors of every node lie in memory; all are alive while they are asked."""
    values = evaluate(fx.GraphModule(_used(graph, modules), graph), x)
    return {
        node: {tensor.untyped_storage()._cdata for tensor in tensors_in(value)}
        for node, value in values.items()
        if node.op != "output"
    }


def _used(graph: fx.Graph, modules: dict[str, Any]) -> dict[str, Any]:
    return {
        node.target: modules[node.target]
        for node in graph.nodes
        if node.op in ("call_module", "get_attr")
    }


@contextmanager
def attributes_as_found(model: nn.Module) -> Iterator[dict[str, Any]]:
    """Take off a model the attributes that a tracer put on it; they are in what is yielded."""
    before, added = set(vars(model)), dict[str, Any]()
    try:
        yield added
    finally:
        for name in set(vars(model)) - before:
            added[name] = vars(model).pop(name)
