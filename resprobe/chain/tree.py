"""The prefix tree of programs: every node is one call on one activation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from resprobe.chain.programs import Call, Program

__all__ = ["Node", "calls", "evaluations", "most_alive", "prefix_tree"]


@dataclass(eq=False)
class Node:
    """A place in the prefix tree.

    Attributes
    ----------
    ends : list of int
        The programs that end here.
    next : dict
        The calls that go on from here, in the order in which they were first seen.
    below : int
        Calls in all, further down.
    """

    ends: list[int] = field(default_factory=list)
    next: dict[Call, Node] = field(default_factory=dict)
    below: int = 0


def prefix_tree(programs: Sequence[Program]) -> Node:
    """Put programs that begin alike together; return the root, at which no call was made."""
    root = Node()
    for number, program in enumerate(programs):
        passed, new = [root], 0
        for call in program:
            if call not in passed[-1].next:
                passed[-1].next[call] = Node()
                new += 1
            passed.append(passed[-1].next[call])
        passed[-1].ends.append(number)
        for depth, node in enumerate(passed):
            node.below += min(new, len(program) - depth)
    return root


def calls(programs: Sequence[Program]) -> Counter[Call]:
    """Count, call by call, what a walk does per batch: the nodes of the prefix tree."""
    counts: Counter[Call] = Counter()
    waiting = [prefix_tree(programs)]
    while waiting:
        for call, child in waiting.pop().next.items():
            counts[call] += 1
            waiting.append(child)
    return counts


def evaluations(programs: Sequence[Program]) -> int:
    """Return the calls that a walk makes per batch: the nodes of the prefix tree.

    Examples
    --------
    Two programs of three calls that share the first two:

    >>> evaluations([(Call(0), Call(1), Call(2)), (Call(0), Call(1), Call(2, scale=0.0))])
    4
    """
    return prefix_tree(programs).below


def most_alive(tree: Node, sizes: Sequence[int], *, stem: int) -> int:
    """Return how much the activations take that wait, and the one at hand, at the worst moment.

    Of a walk depth first, smallest subtree first, as :func:`resprobe.chain.walk` makes it.

    Parameters
    ----------
    sizes : sequence of int
        By step: what its result takes, in any unit.
    stem : int
        What the result of the stem takes.

    Examples
    --------
    A deletion waits for nothing but the activation that the whole network goes on from:

    >>> tree = prefix_tree([(Call(0), Call(1)), (Call(0, 0.0), Call(1)), (Call(0), Call(1, 0.0))])
    >>> most_alive(tree, [1, 1], stem=1)
    3
    """
    # an activation is held as long as a call on it is pending: how many are, and its size
    pending: list[tuple[Call, Node, Node]] = []
    held: dict[Node, int] = {}
    waits: Counter[Node] = Counter()
    node, size, total, most = tree, stem, 0, stem
    while True:
        if node.next:
            held[node], waits[node] = size, len(node.next)
            total += size
        below = sorted(node.next.items(), key=lambda item: -item[1].below)
        pending.extend((call, child, node) for call, child in below)
        if not pending:
            return most
        call, node, parent = pending.pop()
        size = sizes[call.step]
        most = max(most, total + size)
        waits[parent] -= 1
        if not waits[parent]:
            total -= held[parent]
