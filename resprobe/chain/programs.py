"""Lesions as programs, and a walk that computes what several programs share only once.

A program is the sequence of calls that a chain makes between stem and head. A call runs one
step, or only the shortcut of a block. The programs of a sweep form a prefix tree, in which
every node is one call on one activation. Walking it depth first, smallest subtree first,
keeps few activations alive and computes every shared prefix once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor

from resprobe.chain.chain import Chain, Link, PlainBlock, ResidualBlock, Step

__all__ = ["Call", "Program", "calls", "evaluations", "intact", "run", "single_deletions"]


class Call(NamedTuple):
    """Run step number ``step`` of ``chain.steps``; without its branch where ``deleted``."""

    step: int
    deleted: bool = False


Program = tuple[Call, ...]


def intact(chain: Chain) -> Program:
    """Return the program of the network as it is."""
    return tuple(Call(step) for step in range(len(chain.steps)))


def single_deletions(chain: Chain) -> dict[int, Program]:
    """Return, by block number, the programs that delete one block each.

    Blocks that cannot be deleted (plain blocks that change the shape) have none.

    References
    ----------
    Veit et al. 2016, "Residual Networks Behave Like Ensembles of Relatively Shallow
    Networks", section 4.1 and figure 3.
    """
    whole = intact(chain)
    places = [i for i, step in enumerate(chain.steps) if not isinstance(step, Link)]
    return {
        block: (*whole[:place], Call(place, deleted=True), *whole[place + 1 :])
        for block, place in enumerate(places)
        if chain.blocks[block].deletable
    }


@dataclass
class _Node:
    """A place in the prefix tree: which programs end here, which calls go on, calls below."""

    ends: list[int] = field(default_factory=list)
    next: dict[Call, _Node] = field(default_factory=dict)
    below: int = 0


def _tree(programs: Sequence[Program]) -> _Node:
    root = _Node()
    for number, program in enumerate(programs):
        passed, new = [root], 0
        for call in program:
            if call not in passed[-1].next:
                passed[-1].next[call] = _Node()
                new += 1
            passed.append(passed[-1].next[call])
        passed[-1].ends.append(number)
        for depth, node in enumerate(passed):
            node.below += min(new, len(program) - depth)
    return root


def calls(programs: Sequence[Program]) -> Counter[Call]:
    """Count, call by call, what :func:`run` does per batch: the nodes of the prefix tree."""
    counts: Counter[Call] = Counter()
    waiting = [_tree(programs)]
    while waiting:
        for call, child in waiting.pop().next.items():
            counts[call] += 1
            waiting.append(child)
    return counts


def evaluations(programs: Sequence[Program]) -> int:
    """Return the calls that :func:`run` makes per batch: the nodes of the prefix tree.

    Examples
    --------
    Two programs of three calls that share the first two:

    >>> evaluations([(Call(0), Call(1), Call(2)), (Call(0), Call(1), Call(2, deleted=True))])
    4
    """
    return _tree(programs).below


def run(chain: Chain, programs: Sequence[Program], x: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Run every program on one batch; yield its number and the logits.

    Parameters
    ----------
    chain : Chain
        In the mode to measure in; call under ``torch.no_grad()`` where no gradient is wanted.
    programs : sequence of Program
        Numbered as given. They are yielded in the order of the walk, each once.
    x : Tensor of shape (N, C, H, W)
        Normalised images.

    Yields
    ------
    (int, Tensor of shape (N, classes))
    """
    steps = [step for step in chain.steps if isinstance(step, Step)]
    # smallest subtrees are walked first, so that few activations wait at a time
    node, activation = _tree(programs), chain.stem(x)
    pending: list[tuple[Call, _Node, Tensor]] = []
    while True:
        if node.ends:
            logits = chain.head(activation)
            for number in node.ends:
                yield number, logits
        for call, child in sorted(node.next.items(), key=lambda item: -item[1].below):
            pending.append((call, child, activation))
        if not pending:
            return
        call, node, activation = pending.pop()
        step = steps[call.step]
        if call.deleted:
            assert isinstance(step, ResidualBlock | PlainBlock), "links are always run"
            activation = step.deleted(activation)
        else:
            activation = step(activation)
