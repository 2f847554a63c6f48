"""From a model to a graph without in-place operations, with the shape of every value."""

from __future__ import annotations

import inspect
import operator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

from resprobe.chain.rewrite import (
    add_what_is_stacked_and_summed,
    freeze_other_sizes,
    functionalise,
    mark_what_carries_the_images,
    take_batch_sizes_where_they_are_used,
)
from resprobe.errors import ChainError

__all__ = ["Trace", "first_line", "trace", "unwrapped"]


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


def trace(model: nn.Module, example: Tensor) -> Trace:
    """Trace ``model``, switch in-place operations off, and evaluate the graph on ``example``.

    Raises
    ------
    ChainError
        If the model cannot be traced, or does not run on the example.
    """
    try:
        graph = fx.Tracer().trace(model, concrete_args=_defaults(model))
    except Exception as error:
        raise ChainError(
            f"{type(model).__name__} cannot be traced ({first_line(error)}); "
            "its forward must not branch on values"
        ) from error
    modules = {path: module for path, module in model.named_modules(remove_duplicate=False)}
    _refuse_closed_modules(graph, modules)
    modules |= functionalise(graph, modules)
    _drop_checks_on_arguments(graph)  # after: an in-place statement has no users until then
    add_what_is_stacked_and_summed(graph)
    attributes = {
        node.target: operator.attrgetter(node.target)(model)
        for node in graph.nodes
        if node.op == "get_attr"
    }
    modules = modules | attributes
    graph_module = fx.GraphModule(_used(graph, modules), graph)
    recorder = _Recorder(graph_module)
    try:
        with torch.no_grad():
            recorder.run(example)
    except Exception as error:
        raise ChainError(
            f"{type(model).__name__} does not run on an example of shape "
            f"{tuple(example.shape)} ({first_line(error)})"
        ) from error
    mark_what_carries_the_images(graph_module.graph, recorder.values)
    freeze_other_sizes(graph_module.graph, recorder.values)
    take_batch_sizes_where_they_are_used(graph_module.graph, recorder.values)
    return Trace(graph_module.graph, modules, recorder.values)


def _refuse_closed_modules(graph: fx.Graph, modules: dict[str, Any]) -> None:
    """Raise for a module that the tracer does not look into and that may hold blocks."""
    for node in graph.nodes:
        module = modules.get(str(node.target)) if node.op == "call_module" else None
        wrapped = isinstance(
            module, DataParallel | DistributedDataParallel | torch.jit.ScriptModule
        )
        if wrapped or type(module).__module__ == "torch.nn.modules.transformer":
            raise ChainError(
                f"'{node.target}' is a {type(module).__name__}, whose inside cannot be traced and "
                "may hold blocks; put the module itself in its place"
            )


class _Recorder(fx.Interpreter):
    """Runs a graph and keeps the value of every node."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module, garbage_collect_values=False)
        self.values: dict[fx.Node, Any] = {}

    def run_node(self, n: fx.Node) -> Any:
        self.values[n] = super().run_node(n)
        return self.values[n]


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, for a sentence."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


def _defaults(model: nn.Module) -> dict[str, Any]:
    """Fix every argument of ``forward`` that has a default; the images are the first."""
    parameters = list(inspect.signature(model.forward).parameters.values())[1:]
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}


def _drop_checks_on_arguments(graph: fx.Graph) -> None:
    """Remove what the tracer adds to guard the arguments that were fixed to their defaults."""
    for node in reversed(list(graph.nodes)):
        if node.op == "call_function" and getattr(node.target, "__name__", "") in (
            "_assert",
            "_assert_is_none",
        ):
            graph.erase_node(node)
    for node in reversed(list(graph.nodes)):
        unused = not node.users and node.op not in ("output", "call_module")
        if unused and node is not next(iter(graph.nodes)):
            graph.erase_node(node)


def _used(graph: fx.Graph, modules: dict[str, Any]) -> dict[str, Any]:
    return {
        node.target: modules[node.target]
        for node in graph.nodes
        if node.op in ("call_module", "get_attr")
    }
