"""Discover the chain of blocks in any model, by the structure of its graph alone.

A *cut* is a node after which nothing before it is used: the whole state of the network is
one tensor. What lies between two neighbouring cuts is a segment. A segment that forks and
ends in a sum is a residual block; one that ends otherwise is part of a link.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

from resprobe.chain.chain import Block, Chain, Link, PlainBlock, ResidualBlock, Shape
from resprobe.chain.evaluate import TraceError
from resprobe.chain.names import common_path, told_apart
from resprobe.chain.operations import operation, where
from resprobe.chain.pieces import piece, sum_piece
from resprobe.chain.plain import Edge, Run, layer_runs, plain_runs
from resprobe.chain.state import left_as_found
from resprobe.chain.sums import is_activation, is_sum, refuse_nested, split_sum
from resprobe.chain.trace import Trace, unwrapped
from resprobe.chain.tracers import trace_by_export, trace_by_fx
from resprobe.chain.verify import answer, check, check_arguments
from resprobe.errors import ChainError

__all__ = ["unravel"]


def unravel(model: nn.Module, example: Tensor, *, layers: bool = False) -> Chain:
    """Show a model as a chain of blocks that shares its parameters.

    Parameters
    ----------
    model : nn.Module
        Any network whose forward takes one tensor and can be traced by ``torch.fx`` or, where
        that fails, by ``torch.export``. It is traced in eval mode and left as it was found.
        Wrappers (DataParallel, DDP, ``torch.compile``) are looked through.
    example : Tensor of shape (N, C, H, W)
        Images to trace with, on the model's device; two are enough. On the ``meta`` device
        shapes are found and the comparison of values is left out.
    layers : bool
        Whether, in a network without residual blocks, every layer is a block by itself: a
        convolution with the norm and the activation that follow it. Pooling is a link, and
        linear layers behind the maps belong to the head. Residual blocks stay whole.

    Returns
    -------
    Chain
        ``chain(x)`` equals ``model(x)``, compared on the example and on two images more.

    Raises
    ------
    ChainError
        If the model cannot be traced; has neither residual nor plain blocks; has a sum whose
        shortcut cannot be told from its branch; or if the chain does not compute what the
        model does. Nothing is guessed.

    References
    ----------
    Veit et al. 2016, section 4.1, for ``layers``: a VGG whose layers are deleted one by one.

    Examples
    --------
    >>> from resprobe.networks import Architecture
    >>> chain = unravel(Architecture("resnet20").build(), torch.zeros(2, 3, 32, 32))
    >>> [(block.name, block.kind) for block in chain.blocks[2:4]]
    [('layer1.2', 'identity'), ('layer2.0', 'transition')]
    >>> plain = Architecture("plain20").build()
    >>> [block.name for block in unravel(plain, torch.zeros(2, 3, 32, 32), layers=True).blocks[:3]]
    ['conv1', 'layer1.0.conv1', 'layer1.0.conv2']
    """
    check_arguments(model, example)
    model = unwrapped(model)
    here = [example.device] if example.device.type == "cuda" else []
    with left_as_found(model, training=False), torch.random.fork_rng(devices=here):
        expected = answer(model, example)
        try:
            return _unravel(trace_by_fx, model, example, expected, layers=layers)
        except TraceError as by_fx:
            try:
                return _unravel(trace_by_export, model, example, expected, layers=layers)
            except TraceError as by_export:
                raise ChainError(f"{by_fx}; by torch.export: {by_export}") from by_export


Tracer = Callable[[nn.Module, Tensor], Trace]


def _unravel(
    tracer: Tracer, model: nn.Module, example: Tensor, expected: Tensor, *, layers: bool = False
) -> Chain:
    chain = _assemble(tracer(model, example), model, layers=layers)
    if example.device.type != "meta":
        with left_as_found(chain, training=False), torch.no_grad():
            check(chain, model, example, expected)
    return chain


@dataclass
class Segment:
    """What lies between two neighbouring cuts."""

    source: fx.Node
    nodes: list[fx.Node]

    @property
    def result(self) -> fx.Node:
        return self.nodes[-1]


def _segments(trace: Trace) -> list[Segment]:
    nodes = trace.from_images()
    place = {node: index for index, node in enumerate(nodes)}
    end = len(nodes)
    last_use = {
        node: max((place.get(user, end) for user in node.users if _lives_on(user)), default=index)
        for node, index in place.items()
    }
    source_ends = max((place.get(u, end) for u in trace.source.users if _lives_on(u)), default=-1)
    segments: list[Segment] = []
    source, begin, open_until = trace.source, 0, source_ends
    for index, node in enumerate(nodes):
        # nothing but this node itself may be used later
        if index >= open_until and isinstance(trace.values[node], Tensor):
            segments.append(Segment(source, nodes[begin : index + 1]))
            source, begin = node, index + 1
        open_until = max(open_until, last_use[node])
    return segments


def _lives_on(user: fx.Node) -> bool:
    return user.op == "output" or user.meta["carries"]


@dataclass
class Found:
    """A block and the cuts that it lies between."""

    block: Block
    source: fx.Node
    result: fx.Node
    inside: list[fx.Node]


def _assemble(trace: Trace, model: nn.Module, *, layers: bool) -> Chain:
    segments = _segments(trace)
    found = _residual_blocks(trace, segments)
    found = found or _plain_blocks(trace, segments, layer_runs if layers else plain_runs)
    if not found:
        has_layers = bool(_plain_blocks(trace, segments, layer_runs))
        raise ChainError(_no_blocks(type(model).__name__, segments, has_layers=has_layers))
    names = told_apart([item.block.name for item in found], [i.inside for i in found], trace)
    for item, name in zip(found, names, strict=True):
        item.block.name = name
    steps: list[Block | Link] = []
    cut = found[0].source
    for item in found:
        if item.source is not cut:
            steps.append(_link(trace, segments, cut, item.source))
        steps.append(item.block)
        cut = item.result
    stem = _link(trace, segments, trace.source, found[0].source, name="stem")
    head = _link(trace, segments, found[-1].result, trace.sink, name="head")
    return Chain(stem, steps, head, parameters=list(model.named_parameters()))


def _shape(trace: Trace, node: fx.Node) -> Shape:
    return tuple(trace.values[node].shape[1:])


def _link(
    trace: Trace, segments: list[Segment], source: fx.Node, result: fx.Node, *, name: str = ""
) -> Link:
    layers = piece(trace, source, result)
    inside = [s for s in segments if source < s.result and not result < s.result]
    merges = [_merge(s.result) for s in inside if _forks(s)]
    name = name or ", ".join(dict.fromkeys(where(s.result) for s in inside))
    shapes = _shape(trace, source), _shape(trace, result)
    return Link(layers, name, *shapes, merge=", ".join(dict.fromkeys(merges)))


def _forks(segment: Segment) -> bool:
    """Whether two paths of tensors run side by side in a segment."""
    return len(segment.nodes) > 1 and len(segment.result.all_input_nodes) > 1


def _merge(node: fx.Node) -> str:
    return operation(node) or where(node)


def _residual_blocks(trace: Trace, segments: list[Segment]) -> list[Found]:
    found = []
    for index, segment in enumerate(segments):
        if len(segment.nodes) < 2:
            continue
        parts = split_sum(trace, segment.source, segment.result)
        if parts is None:
            refuse_nested(trace, segment.source, segment.result, segment.nodes[:-1])
            continue
        shortcut, branch = (sum_piece(trace, segment.source, terms) for terms in parts)
        result, after = segment.result, piece(trace, segment.result, segment.result)
        following = segments[index + 1] if index + 1 < len(segments) else None
        if following and len(following.nodes) == 1 and is_activation(following.result, trace):
            result, after = following.result, piece(trace, segment.result, following.result)
        shapes = _shape(trace, segment.source), _shape(trace, result)
        block = ResidualBlock(shortcut, branch, after, common_path(segment.nodes), *shapes)
        found.append(Found(block, segment.source, result, segment.nodes))
    return found


Runs = Callable[[Trace, list[Edge | None]], list[Run]]


def _plain_blocks(trace: Trace, segments: list[Segment], runs: Runs) -> list[Found]:
    singles: list[Edge | None] = [
        (s.source, s.result) if len(s.nodes) == 1 else None for s in segments
    ]
    return [
        Found(
            PlainBlock(
                piece(trace, source, result), name, _shape(trace, source), _shape(trace, result)
            ),
            source,
            result,
            [],
        )
        for name, source, result in runs(trace, singles)
    ]


def _no_blocks(model_name: str, segments: list[Segment], *, has_layers: bool) -> str:
    forked = [s.result for s in segments if _forks(s)]
    merges = dict.fromkeys(_merge(node) for node in forked if not is_sum(node))
    reasons = [f"its paths merge by {', '.join(merges)}, not by a sum"] if merges else []
    if sums := [node for node in forked if is_sum(node)]:
        reasons.append(
            f"of the paths that add up at '{where(sums[0])}' none stands out as the shortcut"
        )
    reason = "; ".join(reasons) or "it has no sums"
    return (
        f"{model_name} has no residual blocks ({reason}) and no plain blocks (modules of its "
        "own classes with one to three weighted layers each, in a row)"
        + ("; its single layers are blocks with layers=True (--study layers)" if has_layers else "")
    )
