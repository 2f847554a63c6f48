"""BatchNorm in eval mode: a number per channel to multiply by and one to add.

The convolution or linear layer before it can do that by itself.
"""

from __future__ import annotations

import inspect
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights, fuse_linear_bn_weights

from resprobe.chain.operations import operation

__all__ = ["CONVOLUTIONS", "NORMS", "fold_norms", "is_hooked", "twin_of"]

_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, *_TRANSPOSED)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


def twin_of(module: nn.Module) -> nn.Module:
    """Copy a module and what it holds, in eval mode; parameters and buffers stay shared."""
    if isinstance(module, torch.jit.ScriptModule):
        return module
    twin = type(module).__new__(type(module))  # copy.copy refuses parametrised modules
    twin.__dict__.update(module.__dict__)
    twin._parameters, twin._buffers = dict(module._parameters), dict(module._buffers)
    twin._modules = {name: m and twin_of(m) for name, m in module._modules.items()}
    twin.training = False
    return twin


def is_hooked(module: nn.Module) -> bool:
    """Whether something is done to what a module takes or gives: it must stay a module."""
    return bool(module._forward_hooks or module._forward_pre_hooks)


def fold_norms(graph: fx.Graph, held: dict[str, Any]) -> int:
    """Fold every BatchNorm into the layer before it that nobody else listens to.

    Parameters
    ----------
    graph : fx.Graph
        Changed in place.
    held : dict
        What the graph calls and reads, by path. Folded layers are added under new paths.

    Returns
    -------
    int
        How many there were.
    """
    folded = 0
    _join_norms(graph)
    for node in list(graph.nodes):
        norm = _norm_of(node, held)
        layer = node.all_input_nodes[0] if norm else None
        if norm is None or layer is None or len(layer.users) != 1 or layer.op != "call_module":
            continue
        fused = _fused(held[str(layer.target)], norm)
        if fused is None:
            continue
        # under a name of its own: the layer may be called elsewhere without this norm
        layer.target = f"{layer.target}_folded{folded}".replace(".", "_")
        held[layer.target] = fused
        node.replace_all_uses_with(layer)
        graph.erase_node(node)
        folded += 1
    return folded


class _Norm(NamedTuple):
    """What a BatchNorm in eval mode does."""

    mean: Tensor
    variance: Tensor
    eps: float
    weight: Tensor | None
    bias: Tensor | None


def _norm_of(node: fx.Node, held: dict[str, Any]) -> _Norm | None:
    """Return the statistics and parameters of a BatchNorm; None where it has none, or is none."""
    if node.op == "call_module":
        norm = held[str(node.target)]
        if type(norm) not in NORMS or is_hooked(norm) or norm.running_mean is None:
            return None
        return _Norm(norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias)
    given = _arguments(node) if operation(node) == "batch_norm" else None
    if given is None or given["training"] or not isinstance(given["input"], fx.Node):
        return None
    names = ("running_mean", "running_var", "weight", "bias")
    tensors = [_constant(given[name], held) for name in names]
    known = all(given[n] is None or t is not None for n, t in zip(names, tensors, strict=True))
    mean, variance, weight, bias = tensors
    if not known or mean is None or variance is None:
        return None
    return _Norm(mean, variance, given["eps"], weight, bias)


def _arguments(node: fx.Node) -> dict[str, Any] | None:
    """Return the arguments of a call of ``F.batch_norm`` or torch's own, by name."""
    if node.target is F.batch_norm:
        bound = inspect.signature(F.batch_norm).bind(*node.args, **node.kwargs)
        bound.apply_defaults()
        return dict(bound.arguments)
    schema = torch.ops.aten.batch_norm.default._schema
    if node.kwargs or len(node.args) != len(schema.arguments):
        return None
    return dict(zip((argument.name for argument in schema.arguments), node.args, strict=True))


def _constant(value: Any, held: dict[str, Any]) -> Tensor | None:
    read = isinstance(value, fx.Node) and value.op == "get_attr"
    tensor: Tensor | None = held[str(value.target)] if read else None
    return tensor


@torch.no_grad()
def _fused(layer: nn.Module, norm: _Norm) -> nn.Module | None:
    """Return a copy of a layer that does what the BatchNorm behind it did too."""
    if is_hooked(layer) or type(layer) not in (*CONVOLUTIONS, nn.Linear):
        return None
    twin = twin_of(layer)
    weight, bias = layer._parameters["weight"], layer._parameters["bias"]
    assert weight is not None, "convolutions and linear layers have a weight"
    affine = norm.mean, norm.variance, norm.eps, norm.weight, norm.bias
    if isinstance(layer, nn.Linear):
        if weight.dim() != 2:
            return None
        fused = fuse_linear_bn_weights(weight, bias, *affine)  # type: ignore[arg-type]
    else:
        is_transposed = type(layer) in _TRANSPOSED
        if is_transposed and layer.groups != 1:
            return None
        fused = fuse_conv_bn_weights(weight, bias, *affine, transpose=is_transposed)
    for name, value in zip(("weight", "bias"), fused, strict=True):
        twin._parameters[name] = nn.Parameter(value.detach(), requires_grad=False)
    return twin


def _join_norms(graph: fx.Graph) -> None:
    """Write what torch.export takes apart, a norm that gives three things of one, as the norm."""
    for node in list(graph.nodes):
        taken = list(node.users)
        apart = operation(node) == "_native_batch_norm_legit_no_training"
        if not apart or any(user.args != (node, 0) for user in taken):
            continue
        *tensors, momentum, eps = node.args
        with graph.inserting_before(node):
            arguments = (*tensors, False, momentum, eps, False)
            norm = graph.call_function(torch.ops.aten.batch_norm.default, arguments)
        norm.meta = dict(node.meta)
        for user in taken:
            user.replace_all_uses_with(norm)
            graph.erase_node(user)
        graph.erase_node(node)
