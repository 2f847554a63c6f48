"""Sums in a graph: what is added to what, and which addend is the shortcut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

from resprobe.chain.operations import operation, where
from resprobe.chain.trace import Trace
from resprobe.errors import ChainError

__all__ = [
    "Term",
    "between",
    "is_activation",
    "is_sum",
    "parameters_of",
    "refuse_nested",
    "split_sum",
    "weighted_layers",
]

_SIGNS = {
    "add": (1.0, 1.0),
    "__add__": (1.0, 1.0),
    "__radd__": (1.0, 1.0),
    "sub": (1.0, -1.0),
    "subtract": (1.0, -1.0),
    "rsub": (-1.0, 1.0),
}
_ACTIVATIONS = {
    "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "hardswish",
    "hardsigmoid", "hardtanh", "softplus", "softsign", "sigmoid", "tanh", "prelu", "rrelu",
    "logsigmoid", "tanhshrink", "softshrink", "hardshrink", "threshold",
}  # fmt: skip


@dataclass(frozen=True)
class Term:
    """One addend: a node and the number that it is multiplied by."""

    node: fx.Node
    scale: float = 1.0


def between(source: fx.Node, result: fx.Node) -> tuple[set[fx.Node], bool]:
    """Return the nodes that ``result`` needs after ``source``, and whether it needs ``source``."""
    found: set[fx.Node] = set()
    reaches = result is source
    waiting = [] if reaches else [result]
    while waiting:
        node = waiting.pop()
        if node in found:
            continue
        found.add(node)
        if "size" in node.meta:  # computed from the length of the source: see batch_sizes
            continue
        for needed in node.all_input_nodes:
            if needed is source:
                reaches = reaches or node.meta["carries"]
            else:
                waiting.append(needed)
    return found, reaches


def is_activation(node: fx.Node, trace: Trace) -> bool:
    """Whether a node is an elementwise activation, as a module, function or method."""
    return _name(node, trace) in _ACTIVATIONS and len(node.all_input_nodes) == 1


def _name(node: fx.Node, trace: Trace) -> str:
    called = node.op == "call_module"
    name = type(trace.modules[str(node.target)]).__name__ if called else operation(node)
    return name.lower()


def parameters_of(node: fx.Node, trace: Trace) -> list[Tensor]:
    """Return the parameters that a node itself brings in."""
    if node.op not in ("call_module", "get_attr"):
        return []
    held = trace.modules[str(node.target)]
    if isinstance(held, nn.Module):
        return list(held.parameters())
    return [held] if isinstance(held, nn.Parameter) else []


def weighted_layers(nodes: set[fx.Node], trace: Trace) -> int:
    """Count convolutions, linear layers and whatever else holds a weight of two or more axes."""
    return sum(any(p.dim() >= 2 for p in parameters_of(node, trace)) for node in nodes)


def split_sum(
    trace: Trace, source: fx.Node, result: fx.Node
) -> tuple[list[Term], list[Term]] | None:
    """Split a sum into the addends of the shortcut and those of the branch.

    An addend that is the input itself is the shortcut. Where there is none, it is the one
    addend with the fewest weighted layers, or of equals the only one, without an activation.

    Returns
    -------
    (shortcut, branch) or None
        None where ``result`` is no sum of two paths from ``source``, of which one has
        parameters, or where no path stands out as the shortcut: two branches side by side.

    Raises
    ------
    ChainError
        If it is such a sum and a path broadcasts, or holds a residual sum of its own.
    """
    terms = list(_flattened(Term(result), trace, source))
    paths = {term.node: between(source, term.node) for term in terms}
    fixed = [term for term in terms if not paths[term.node][1]]  # a bias: part of the branch
    moving = [term for term in terms if paths[term.node][1]]
    direct = [term for term in moving if term.node is source]
    rest = [term for term in moving if term.node is not source]
    if len(moving) < 2:
        return None
    if not any(parameters_of(node, trace) for term in rest for node in paths[term.node][0]):
        return None
    _check_shapes(moving, result, trace)
    for term in moving:
        refuse_nested(trace, source, result, paths[term.node][0])
    if direct:
        return direct, rest + fixed
    shortcut = _lightest(rest, paths, trace)
    if shortcut is None:
        return None
    return [shortcut], [term for term in rest if term is not shortcut] + fixed


def _lightest(
    terms: list[Term], paths: dict[fx.Node, tuple[set[fx.Node], bool]], trace: Trace
) -> Term | None:
    """Return the one path with the fewest weighted layers, if it stands out and is no branch."""
    layers = {term: weighted_layers(paths[term.node][0], trace) for term in terms}
    fewest = [term for term in terms if layers[term] == min(layers.values())]
    straight = [t for t in fewest if not any(_is_rectifier(n, trace) for n in paths[t.node][0])]
    return straight[0] if len(straight) == 1 else None


def _is_rectifier(node: fx.Node, trace: Trace) -> bool:
    """Whether a node is an activation such as a branch has; a gate's squashes its own values."""
    return is_activation(node, trace) and _name(node, trace) not in ("sigmoid", "hardsigmoid")


def refuse_nested(
    trace: Trace, source: fx.Node, result: fx.Node, inside: Iterable[fx.Node]
) -> None:
    """Raise where a stretch between two cuts holds residual sums of its own."""
    shape = trace.values[result].shape
    for node in sorted(inside):
        if _is_residual_sum(trace, source, node, shape):
            raise ChainError(
                f"the residual sum at '{where(node)}' lies inside what ends at '{where(result)}': "
                "blocks inside a block, or a state of two tensors, are not a chain"
            )


def is_sum(node: fx.Node) -> bool:
    """Whether a node adds or subtracts."""
    return operation(node) in _SIGNS or operation(node) == "lerp"


def _is_residual_sum(trace: Trace, source: fx.Node, node: fx.Node, shape: torch.Size) -> bool:
    addends = _addends(node, trace) or []
    paths = [between(source, addend.node) for addend in addends]
    if len(addends) < 2 or not all(reaches for _, reaches in paths):
        return False
    weighted = [weighted_layers(nodes, trace) for nodes, _ in paths]
    if getattr(trace.values[node], "shape", None) == shape and min(weighted) == 0 < max(weighted):
        return True
    # an addend that the other is computed from, through weights: x + f(x) of any shape
    a, b = (addend.node for addend in addends)
    return any(
        (first is source or first in between(source, second)[0])
        and weighted_layers(between(first, second)[0], trace) > 0
        for first, second in ((a, b), (b, a))
    )


def _check_shapes(terms: list[Term], result: fx.Node, trace: Trace) -> None:
    shape = trace.values[result].shape
    for term in terms:
        found = trace.values[term.node].shape
        if found != shape:
            raise ChainError(
                f"the sum at '{where(result)}' broadcasts a path of shape {tuple(found)} to "
                f"{tuple(shape)}; shortcut and branch of a residual block have one shape"
            )


def _flattened(term: Term, trace: Trace, source: fx.Node) -> Iterator[Term]:
    """Yield the addends of nested sums; a sum that is used elsewhere too is left whole."""
    node = term.node
    addends = None if node is source else _addends(node, trace)
    if addends is None:
        yield term
        return
    for addend in addends:
        scaled = Term(addend.node, addend.scale * term.scale)
        if len(addend.node.users) == 1:
            yield from _flattened(scaled, trace, source)
        else:
            yield scaled


def _addends(node: fx.Node, trace: Trace) -> list[Term] | None:
    """Return what a node adds up, each with its factor; None where it is no sum."""
    operands = [*node.args, *(node.kwargs[k] for k in _OPERANDS if k in node.kwargs)]
    if operation(node) == "lerp":  # x + w (f - x)
        weight = operands[2] if len(operands) == 3 else None
        if not isinstance(weight, int | float):
            return None
        return _tensors([(operands[0], 1.0 - weight), (operands[1], float(weight))], trace)
    signs, scale = _SIGNS.get(operation(node)), node.kwargs.get("alpha", 1)
    if signs is None or len(operands) != 2 or not isinstance(scale, int | float):
        return None
    # alpha belongs to the operand that torch calls "other", which rsub subtracts from
    first, second = (signs[0], signs[1] * scale)
    if operation(node) == "rsub":
        first, second = (signs[0] * scale, signs[1])
    return _tensors([(operands[0], first), (operands[1], second)], trace)


_OPERANDS = ("input", "other", "end", "weight")


def _tensors(operands: list[tuple[object, float]], trace: Trace) -> list[Term] | None:
    """Keep the tensors; the number 0, with which ``sum([x, f])`` starts, adds nothing."""
    terms = []
    for operand, scale in operands:
        if isinstance(operand, fx.Node) and isinstance(trace.values[operand], Tensor):
            terms.append(Term(operand, scale))
        elif not (isinstance(operand, int | float) and operand == 0):
            return None
    return terms
