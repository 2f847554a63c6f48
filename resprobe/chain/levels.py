"""A walk level by level, which makes equal calls on many activations at once: for GPUs.

A small network on a batch of moderate size keeps a GPU waiting for its next instruction.
Nodes of one depth of the prefix tree that make the same call are stacked along the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from resprobe.chain.chain import Chain, Step
from resprobe.chain.programs import Call, Program, call_step
from resprobe.chain.tree import Node, prefix_tree
from resprobe.errors import UsageError

__all__ = ["images_first", "run_by_level"]

Waiting = list[tuple[Node, Tensor]]


def run_by_level(
    chain: Chain, programs: Sequence[Program], x: Tensor, *, most: int
) -> Iterator[tuple[int, Tensor]]:
    """Run every program on one batch, as :func:`run` does, level by level.

    Every node of the prefix tree is evaluated once, so the calls per image are those of the
    walk in depth; logits equal its logits but for the rounding of another batch size.
    Alive at a time are the activations of one level, of the level that is made from it (at most
    one per program each, where the walk in depth keeps a few) and what a step makes of ``most``
    images. Where that does not fit, show fewer images at a time.

    Parameters
    ----------
    chain, programs, x
        As for :func:`run`. The network must treat each image by itself, as in eval mode.
    most : int
        Images, or activations of one, that go through a step at once.

    Yields
    ------
    (int, Tensor of shape (N, classes))
        Each program once, the shortest first.

    Raises
    ------
    UsageError
        If ``most`` is less than one.

    Examples
    --------
    >>> from resprobe.chain import intact, single_deletions, unravel
    >>> from resprobe.networks import Architecture
    >>> images = torch.zeros(2, 3, 32, 32)
    >>> chain = unravel(Architecture("resnet8").build(), images).eval()
    >>> programs = [intact(chain), *single_deletions(chain).values()]
    >>> with torch.no_grad():
    ...     [number for number, _ in run_by_level(chain, programs, images, most=8)]
    [0, 1, 2, 3]
    """
    if most < 1:
        raise UsageError(f"at least one image goes through a step at a time; got most={most}")
    return _levels(chain, programs, x, most)


def _levels(
    chain: Chain, programs: Sequence[Program], x: Tensor, most: int
) -> Iterator[tuple[int, Tensor]]:
    steps = [step for step in chain.steps if isinstance(step, Step)]
    level: Waiting = [(prefix_tree(programs), _stacked(chain.stem, [x], most)[0])]
    while level:
        ending = [node for node, _ in level if node.ends]
        answers = _stacked(chain.head, [out for node, out in level if node.ends], most)
        for node, logits in zip(ending, answers, strict=True):
            for number in node.ends:
                yield number, logits
        level = _next_level(steps, level, most)


def _next_level(steps: Sequence[Step], level: Waiting, most: int) -> Waiting:
    """Make all calls that go on from a level, equal ones together."""
    asked: dict[Call, Waiting] = {}
    for node, activation in level:
        for call, child in node.next.items():
            asked.setdefault(call, []).append((child, activation))
    made: Waiting = []
    for call, waiting in asked.items():
        run = partial(call_step, steps[call.step], call)
        outs = _stacked(run, [activation for _, activation in waiting], most)
        made += zip([child for child, _ in waiting], outs, strict=True)
    return made


def _stacked(
    run: Callable[[Tensor], Tensor], activations: Sequence[Tensor], most: int
) -> list[Tensor]:
    """Run a step on activations of one shape, at most so many images at once."""
    made: list[Tensor] = []
    images = len(activations[0]) if activations else 1
    several = max(1, most // images)
    for first in range(0, len(activations), several):
        together = _joined(activations[first : first + several])
        out = _joined([run(part) for part in torch.split(together, most)])
        made += torch.split(out, images)
    return made


def _joined(parts: Sequence[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))


@torch.no_grad()
def images_first(chain: Chain, example: Tensor) -> bool:
    """Whether every activation between two steps has one entry of its first axis per image.

    Where it has not, as in a transformer that takes sequences first, activations of several
    programs cannot be stacked.
    """
    for x in (example[:1], example):
        hidden = chain.stem(x)
        for step in chain.steps:
            if len(hidden) != len(x):
                return False
            hidden = step(hidden)
        if len(hidden) != len(x):
            return False
    return len(example) > 1
