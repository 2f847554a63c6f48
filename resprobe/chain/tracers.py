"""The two ways from a model to its graph: torch.fx, and torch.export where that fails."""

from __future__ import annotations

import inspect
import io
import logging
import operator
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, fx, nn

from resprobe.chain.evaluate import TraceError
from resprobe.chain.operations import holds_tensor, is_leaf, takes_one_tensor
from resprobe.chain.trace import Trace, attributes_as_found, evaluated
from resprobe.errors import first_line

__all__ = ["trace_by_export", "trace_by_fx"]


class _Proxy(fx.Proxy):
    """A stand-in that tells ``x += y``, which changes x under all its names, from ``x + y``."""


def _in_place(operation: Callable[..., Any]) -> Callable[[fx.Proxy, Any], Any]:
    def change(self: fx.Proxy, other: Any) -> Any:
        return self.tracer.create_proxy("call_function", operation, (self, other), {})

    return change


for _name in ("iadd", "isub", "imul", "itruediv", "ipow", "ifloordiv", "imod"):
    setattr(_Proxy, f"__{_name}__", _in_place(getattr(operator, _name)))


class _Tracer(fx.Tracer):
    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Proxy(node, self)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:  # noqa: ARG002
        return is_leaf(m)


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
            _refuse_limits(program, type(model).__name__)
            exported = program.run_decompositions({}).module(check_guards=False)
    except TraceError:
        raise
    except Exception as error:
        raise TraceError(
            f"{type(model).__name__} cannot be exported ({first_line(error)})"
        ) from error
    graph = exported.graph
    _unpack_output(graph)
    for node in graph.nodes:
        if node.target is torch.ops.aten.view.default:
            node.target = torch.ops.aten.reshape.default  # strides can differ without a block
    constants = {
        str(node.target): _found(exported, str(node.target))
        for node in graph.nodes
        if node.op == "get_attr" and not _has(model, str(node.target))
    }
    _fold(graph, dict(model.named_modules(remove_duplicate=False)))
    return evaluated(graph, model, constants, example)


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep to ourselves what torch warns of, logs and prints about its own internals."""
    logger = logging.getLogger("torch")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _any_batch(model: nn.Module) -> dict[str, Any]:
    images = next(iter(inspect.signature(model.forward).parameters.values()))
    axes = {0: torch.export.Dim.AUTO}
    return {images.name: (axes,) if images.kind is images.VAR_POSITIONAL else axes}


def _refuse_limits(program: torch.export.ExportedProgram, name: str) -> None:
    """Raise where the model took one of several ways because of how many images there were."""
    inputs = program.graph_signature.user_inputs
    images = next(n for n in program.graph.nodes if n.op == "placeholder" and n.name in inputs)
    count = images.meta["val"].shape[0]
    limits = None if isinstance(count, int) else program.range_constraints.get(count.node.expr)
    if limits is None or limits.lower > 2 or limits.upper < MANY:
        raise TraceError(f"{name} does one thing for few images and another for many")


MANY = 2**16
"""Images in a batch, beyond what anybody shows a network at a time."""


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
    for (_, path), run in groupby(list(graph.nodes), key=lambda n: _outermost_leaf(n, modules)):
        nodes = list(run)
        ends = _ends(nodes) if path else None
        if ends is None:
            continue
        source, result = ends
        with graph.inserting_after(result):
            call = graph.create_node("call_module", path, (source,))
        call.meta = dict(result.meta)
        result.replace_all_uses_with(call)
        for node in reversed(nodes):
            graph.erase_node(node)


def _outermost_leaf(node: fx.Node, modules: dict[str, nn.Module]) -> tuple[str, str]:
    """Return the key, which differs from call to call, and the path of the leaf it lies in."""
    stack = node.meta.get("nn_module_stack", {}) if node.op == "call_function" else {}
    leaves = ((k, path) for k, (path, _) in stack.items() if _foldable(modules.get(path)))
    return next(leaves, ("", ""))


def _foldable(module: nn.Module | None) -> bool:
    """Whether calling a module on one tensor gives one; recurrent layers give their state too."""
    return (
        module is not None
        and is_leaf(module)
        and takes_one_tensor(module)
        and not isinstance(module, nn.RNNBase)
    )


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
