"""What a node of a traced graph does, whichever tracer wrote it."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, fx, nn

__all__ = [
    "holds_tensor",
    "is_leaf",
    "is_wrapper",
    "module_path",
    "operation",
    "takes_one_tensor",
    "tensors_in",
    "where",
]


def operation(node: fx.Node) -> str:
    """Return the name of what a node calls: "add" for ``+``, ``torch.add`` and ``aten.add``.

    Empty for modules, parameters, inputs and outputs.
    """
    if node.op == "call_method":
        return str(node.target)
    if node.op != "call_function":
        return ""
    if isinstance(node.target, torch._ops.OpOverload):
        return node.target._schema.name.rpartition("::")[2]
    return getattr(node.target, "__name__", "?")


def where(node: fx.Node) -> str:
    """Say where in the user's model a node is."""
    return module_path(node) or node.name


def module_path(node: fx.Node) -> str:
    """Return the path of the innermost module that a node is in or calls; "" for the model."""
    stack = list(node.meta.get("nn_module_stack", {}).values())
    return stack[-1][0] if stack else ""


def tensors_in(value: Any) -> list[Tensor]:
    """Return the tensors in a value, which may be a tuple, list or dictionary of some."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, torch.Size) or not isinstance(value, tuple | list | dict):
        return []
    parts = value.values() if isinstance(value, dict) else value
    return [tensor for part in parts for tensor in tensors_in(part)]


def holds_tensor(value: Any) -> bool:
    """Whether a value is a tensor, or a tuple, list or dict with one in it."""
    return bool(tensors_in(value))


def is_leaf(module: nn.Module) -> bool:
    """Whether a module is one step of the graph: torch's own layers, a BatchNorm, a script.

    A BatchNorm of another class (one with its activation inside, say) must stay a module too:
    written out, the mode that it was traced in would be a constant of the graph. One that takes
    a second tensor may hold a sum, and is looked into.
    """
    if isinstance(module, torch.jit.ScriptModule):
        return True
    if isinstance(module, nn.modules.batchnorm._BatchNorm):
        return takes_one_tensor(module)
    own = _class_of(module).__module__.startswith(("torch.nn", "torch.ao.nn"))
    return own and not isinstance(module, nn.Sequential) and not is_wrapper(module)


def _class_of(module: nn.Module) -> type:
    """Return the class that a module was made of, also where its weights were parametrised."""
    kind = type(module)
    return kind.__bases__[0] if nn.utils.parametrize.is_parametrized(module) else kind


def takes_one_tensor(module: nn.Module) -> bool:
    """Whether a module needs one argument alone."""
    needed = [
        p
        for p in inspect.signature(module.forward).parameters.values()
        if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD
    ]
    return len(needed) == 1


def is_wrapper(module: nn.Module | None) -> bool:
    """Whether a module of torch's own holds other modules that may be residual blocks."""
    parallel = nn.DataParallel, nn.parallel.DistributedDataParallel
    return (
        isinstance(module, (*parallel, torch.jit.ScriptModule))
        or type(module).__module__ == "torch.nn.modules.transformer"
    )
