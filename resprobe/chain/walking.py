"""A walk that computes what several programs share only once, depth first.

Walking the prefix tree depth first, smallest subtree first, keeps few activations alive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from torch import Tensor

from resprobe.chain.chain import Chain, Step
from resprobe.chain.programs import Call, Program, call_step
from resprobe.chain.tree import Node, prefix_tree

__all__ = ["run", "walk"]


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
    return walk(chain, prefix_tree(programs), x)


def walk(
    chain: Chain, tree: Node, x: Tensor, *, enter: Callable[[Node, Step], None] | None = None
) -> Iterator[tuple[int, Tensor]]:
    """Run the programs of a prefix tree, as :func:`run` does.

    Parameters
    ----------
    tree : Node
        From :func:`prefix_tree`.
    enter : callable, optional
        Called before each step with the node that its result belongs to: the root for the stem,
        and for the head the node at which programs end.
    """
    enter = enter or _nothing
    steps = [step for step in chain.steps if isinstance(step, Step)]
    enter(tree, chain.stem)
    # smallest subtrees are walked first, so that few activations wait at a time
    node, activation = tree, chain.stem(x)
    pending: list[tuple[Call, Node, Tensor]] = []
    while True:
        if node.ends:
            enter(node, chain.head)
            logits = chain.head(activation)
            for number in node.ends:
                yield number, logits
        for call, child in sorted(node.next.items(), key=lambda item: -item[1].below):
            pending.append((call, child, activation))
        if not pending:
            return
        call, node, activation = pending.pop()
        enter(node, steps[call.step])
        activation = call_step(steps[call.step], call, activation)


def _nothing(_node: Node, _step: Step) -> None:
    pass
