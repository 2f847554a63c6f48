"""Names for blocks: the paths of the user's own modules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from torch import fx

from resprobe.chain.operations import module_path
from resprobe.chain.sums import parameters_of
from resprobe.chain.trace import Trace

__all__ = ["common_path", "told_apart"]


def common_path(nodes: Sequence[fx.Node]) -> str:
    """Return the innermost module that holds all the nodes; else what they call; else the sum."""
    paths = [_parts(module_path(node)) for node in nodes]
    common = paths[0]
    for path in paths[1:]:
        kept = [a for a, b in zip(common, path, strict=False) if a == b]
        common = common[: len(kept)] if common[: len(kept)] == kept else []
    if common:
        return ".".join(common)
    called = [str(node.target) for node in nodes if node.op == "call_module"]
    return called[0] if called else nodes[-1].name


def told_apart(names: list[str], insides: Sequence[Sequence[fx.Node]], trace: Trace) -> list[str]:
    """Tell blocks of one module apart by the part that holds most of their parameters.

    The two blocks of a transformer's layer become ``blocks.0.attn`` and ``blocks.0.mlp``; where
    that does not tell them apart either, they are numbered: ``layer#1``, ``layer#2``.
    """
    finer = [
        _heaviest(name, inside, trace) if names.count(name) > 1 else name
        for name, inside in zip(names, insides, strict=True)
    ]
    clear = [
        fine if finer.count(fine) == 1 else name for name, fine in zip(names, finer, strict=True)
    ]
    return [
        f"{name}#{clear[: i + 1].count(name)}" if clear.count(name) > 1 else name
        for i, name in enumerate(clear)
    ]


def _heaviest(name: str, inside: Sequence[fx.Node], trace: Trace) -> str:
    depth = len(_parts(name))
    sizes: Counter[str] = Counter()
    for node in _with_what_they_read(inside):
        path = _parts(str(node.target))[: -1 if node.op == "get_attr" else None]
        if len(path) > depth and ".".join(path[:depth]) == name:
            sizes[path[depth]] += sum(p.numel() for p in parameters_of(node, trace))
    return f"{name}.{sizes.most_common(1)[0][0]}" if sizes.total() else name


def _with_what_they_read(nodes: Sequence[fx.Node]) -> set[fx.Node]:
    read = {n for node in nodes for n in node.all_input_nodes if n.op == "get_attr"}
    return read | set(nodes)


def _parts(path: str) -> list[str]:
    return path.split(".") if path else []
