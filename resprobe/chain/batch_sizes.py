"""Sizes in a traced graph: numbers that stay, and numbers that follow the batch.

A graph that was evaluated on n and on n + 1 images shows which of its sizes are what. Those
that did not change are written into the graph as numbers. The others are taken to be
``constant + per_image * n``, and every piece that is cut from the graph computes them from the
length of its own input, so that no size keeps an early tensor alive. That the law holds for
one image and for many is checked without computing.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx
from torch._subclasses.fake_tensor import FakeTensorMode

from resprobe.chain.evaluate import TraceError, evaluate
from resprobe.chain.operations import holds_tensor
from resprobe.errors import ChainError

__all__ = ["Size", "check_sizes", "mark_sizes", "size_from"]


class Size(NamedTuple):
    """A whole number that is ``constant + per_image * n`` for n images."""

    constant: int
    per_image: int


def mark_sizes(graph: fx.Graph, values: dict[fx.Node, Any], more: dict[fx.Node, Any]) -> None:
    """Write constant sizes as numbers; mark what follows the batch as ``meta["size"]``.

    Parameters
    ----------
    graph : fx.Graph
        Changed in place. Tensors get ``meta["length"]``, the :class:`Size` of their first axis;
        a device is marked too (with None), so that every piece asks its own input for it.
    values, more : dict
        The value of every node on n images and, without the tensors' contents, on one more.
    """
    n = next(len(value) for node, value in values.items() if node.op == "placeholder")
    for node in list(graph.nodes):
        if node not in values or node.op in ("output", "get_attr"):
            continue
        value, other = values[node], more[node]
        if isinstance(value, Tensor):
            if value.dim() and len(value.shape) == len(other.shape):
                node.meta["length"] = _law(value.shape[0], other.shape[0], n)
        elif not holds_tensor(value):
            _mark(node, value, other, n)


def _mark(node: fx.Node, value: Any, other: Any, n: int) -> None:
    if isinstance(value, torch.device):
        node.meta["size"] = None
    elif _same(value, other):
        _write(node, tuple(value) if isinstance(value, torch.Size) else value)
    elif (size := _size(value, other, n)) is not None:
        node.meta["size"] = size


def _same(value: Any, other: Any) -> bool:
    return type(value) is type(other) and bool(value == other)


def _size(value: Any, other: Any, n: int) -> Size | tuple[Size, ...] | None:
    if type(value) is int and type(other) is int:
        return _law(value, other, n)
    whole = isinstance(value, tuple) and all(type(v) is int for v in (*value, *other))
    if whole and len(value) == len(other):
        return tuple(_law(a, b, n) for a, b in zip(value, other, strict=True))
    return None


def _law(value: int, other: int, n: int) -> Size:
    return Size(value - (other - value) * n, other - value)


def _write(node: fx.Node, value: Any) -> None:
    for user in list(node.users):
        user.args = fx.node.map_arg(user.args, lambda n: value if n is node else n)
        user.kwargs = fx.node.map_arg(user.kwargs, lambda n: value if n is node else n)


def check_sizes(module: fx.GraphModule, values: dict[fx.Node, Any], example: Tensor) -> None:
    """Hold the sizes of one image and of very many against their laws.

    Nothing is computed: the graph is run on stand-ins for the tensors.

    Raises
    ------
    TraceError
        If a size is what its law says for some numbers of images and not for others, as where
        a model does another thing with many images than with few.
    """
    sizes = [n for n, v in values.items() if type(v) is int or isinstance(v, torch.Size)]
    if not sizes:
        return
    stand_ins = nullcontext() if example.is_meta else FakeTensorMode(allow_non_fake_inputs=True)
    for n in (1, MANY):
        with stand_ins:
            x = torch.empty((n, *example.shape[1:]), dtype=example.dtype, device=example.device)
            found = evaluate(module, x)
        for node in sizes:
            expected = _at(node.meta["size"], n) if "size" in node.meta else values[node]
            if found[node] != expected:
                raise TraceError(
                    f"'{node.name}' follows the number of images in no straight line; a model "
                    "that does one thing with few images and another with many is not supported"
                )


MANY = 257
"""Images: beyond the sizes at which models are known to change their ways."""


def _at(size: Size | tuple[Size, ...], n: int) -> int | tuple[int, ...]:
    if isinstance(size, Size):
        return size.constant + size.per_image * n
    return tuple(one.constant + one.per_image * n for one in size)


def size_from(graph: fx.Graph, x: fx.Node, source: fx.Node, node: fx.Node) -> Any:
    """Write a size, or device, in terms of ``x``: the stand-in of ``source`` in another graph.

    Raises
    ------
    ChainError
        If the number of images cannot be read off the length of ``source``.
    """
    if node.meta["size"] is None:
        return graph.call_function(getattr, (x, "device"))
    length: Size = source.meta["length"]
    if length.constant or length.per_image < 1:
        raise ChainError(
            f"'{node.name}' follows the batch size, which cannot be read off the tensor at hand "
            f"('{source.name}'); keep the images on the first axis"
        )
    images = graph.call_method("size", (x, 0))
    if length.per_image > 1:
        images = graph.call_method("__floordiv__", (images, length.per_image))
    sizes = node.meta["size"]
    if isinstance(sizes, Size):
        return _expression(graph, images, sizes)
    return tuple(_expression(graph, images, size) for size in sizes)


def _expression(graph: fx.Graph, images: fx.Node, size: Size) -> fx.Node | int:
    if not size.per_image:
        return size.constant
    value = images
    if size.per_image != 1:
        value = graph.call_method("__mul__", (value, size.per_image))
    return graph.call_method("__add__", (value, size.constant)) if size.constant else value
