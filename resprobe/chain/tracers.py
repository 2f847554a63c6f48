"""The two ways from a model to its graph: torch.fx, and torch.export where that fails."""

from __future__ import annotations

import inspect
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, fx, nn

from resprobe.chain.operations import holds_tensor, is_leaf
from resprobe.chain.trace import (
    Trace,
    TraceError,
    attributes_as_found,
    evaluated,
    first_line,
)

__all__ = ["trace_by_export", "trace_by_fx"]


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return is_leaf(m) or super().is_leaf_module(m, module_qualified_name)


def trace_by_fx(model: nn.Module, example: Tensor) -> Trace:
    """Trace with stand-ins for the images: fast; a forward that branches on them fails.

    Raises
    ------
    TraceError
        If that cannot be done.
    """
    try:
        with _quietly(), attributes_as_found(model) as constants:
            graph = _Tracer().trace(model, concrete_args=_defaults(model))
    except Exception as error:
        raise TraceError(
            f"{type(model).__name__} cannot be traced ({first_line(error)}); "
            "its forward must not branch on values"
        ) from error
    return evaluated(graph, model, constants, example)


def _defaults(model: nn.Module) -> dict[str, Any]:
    """Fix every argument of ``forward`` that has a default; the images are the first.

    Containers are left open, which makes them inputs: torch.fx would take them apart.
    """
    parameters = list(inspect.signature(model.forward).parameters.values())[1:]
    given = {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}
    return {k: v for k, v in given.items() if not isinstance(v, tuple | list | dict)}


def trace_by_export(model: nn.Module, example: Tensor) -> Trace:
    """Trace by running the model on two images: branches on shapes are taken as they fall.

    The graph of elementary operations that this gives is folded back, so that torch's own
    layers are calls of the model's modules again: convolutions count as weighted layers, and
    BatchNorm keeps its two modes.

    Raises
    ------
    TraceError
        If that cannot be done, as for a forward that branches on values.
    """
    for path, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            # run on stand-ins for the images it would take one of its branches for good
            raise TraceError(f"'{path}' is a TorchScript program, which cannot be exported")
    images = example if len(example) > 1 else torch.cat([example, example])
    try:
        with _quietly():
            program = torch.export.export(
                model, (images,), dynamic_shapes=_any_batch(model), strict=False
            )
            exported = program.run_decompositions({}).module(check_guards=False)
    except Exception as error:
        raise TraceError(
            f"{type(model).__name__} cannot be exported ({first_line(error)})"
        ) from error
    graph = exported.graph
    _unpack_output(graph)
    constants = {
        str(node.target): _found(exported, str(node.target))
        for node in graph.nodes
        if node.op == "get_attr" and not _has(model, str(node.target))
    }
    _fold(graph, dict(model.named_modules(remove_duplicate=False)))
    return evaluated(graph, model, constants, example)


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep to ourselves what torch warns of and logs about its own internals."""
    logger = logging.getLogger("torch")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _any_batch(model: nn.Module) -> dict[str, Any]:
    images = next(iter(inspect.signature(model.forward).parameters.values()))
    axes = {0: torch.export.Dim.AUTO}
    return {images.name: (axes,) if images.kind is images.VAR_POSITIONAL else axes}


def _unpack_output(graph: fx.Graph) -> None:
    """Return the one output itself, as torch.fx does, and not a tuple of it."""
    output = graph.output_node()
    if isinstance(output.args[0], tuple | list) and len(output.args[0]) == 1:
        output.args = (output.args[0][0],)


def _found(holder: nn.Module, path: str) -> Any:
    for name in path.split("."):
        holder = getattr(holder, name)
    return holder


def _has(model: nn.Module, path: str) -> bool:
    try:
        return holds_tensor(_found(model, path))
    except AttributeError:
        return False


def _fold(graph: fx.Graph, modules: dict[str, nn.Module]) -> None:
    """Make every run of operations that one leaf module wrote a call of that module."""
    for (_, path), run in groupby(list(graph.nodes), key=_innermost):
        nodes = list(run)
        module = modules.get(path)
        if module is None or not is_leaf(module) or not _is_function_of_one_tensor(module):
            continue
        ends = _ends(nodes)
        if ends is None:
            continue
        source, result = ends
        with graph.inserting_after(result):
            call = graph.create_node("call_module", path, (source,))
        call.meta = dict(result.meta)
        result.replace_all_uses_with(call)
        for node in reversed(nodes):
            graph.erase_node(node)


def _innermost(node: fx.Node) -> tuple[str, str]:
    """Return the innermost module's key, which differs from call to call, and its path."""
    stack = node.meta.get("nn_module_stack", {}) if node.op == "call_function" else {}
    return next(((key, path) for key, (path, _) in reversed(stack.items())), ("", ""))


def _is_function_of_one_tensor(module: nn.Module) -> bool:
    """Whether calling a module on one tensor gives one; recurrent layers give their state too."""
    needed = [
        p
        for p in inspect.signature(module.forward).parameters.values()
        if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD
    ]
    return len(needed) == 1 and not isinstance(module, nn.RNNBase)


def _ends(nodes: list[fx.Node]) -> tuple[fx.Node, fx.Node] | None:
    """Return the one tensor that a run of nodes takes and the one that it gives, if it is so."""
    inside = set(nodes)
    taken = {n for node in nodes for n in node.all_input_nodes if n not in inside}
    images = [n for n in taken if n.op != "get_attr"]
    given = [node for node in nodes if any(user not in inside for user in node.users)]
    one = len(images) == len(given) == 1
    if not one or not all(isinstance(n.meta.get("val"), Tensor) for n in (*images, *given)):
        return None
    return images[0], given[0]
