"""One forward pass with a look at everything that passes through its blocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from resprobe.chain.chain import Chain, PlainBlock, ResidualBlock, Step

__all__ = ["Passage", "pass_through", "passage"]


@dataclass(frozen=True)
class Passage:
    """One step of the chain on one batch: ``end = after(total)``, ``total = shortcut + branch``.

    Attributes
    ----------
    step : Step
        The block or link.
    number : int or None
        The block's place among ``chain.blocks``; None for a link.
    start, end : Tensor
        The step's input and output.
    shortcut, branch, total : Tensor or None
        The two addends and their sum in a residual block. Tensors may be one another: an
        identity's ``shortcut`` is ``start``. They are for looking at, never to be written on.
    """

    step: Step
    number: int | None
    start: Tensor
    end: Tensor
    shortcut: Tensor | None = None
    branch: Tensor | None = None
    total: Tensor | None = None


def pass_through(chain: Chain, x: Tensor, see: Callable[[Passage], None]) -> Tensor:
    """Run the chain and show every step between stem and head as it is done.

    Parameters
    ----------
    chain : Chain
        In the mode to look at; call under ``torch.inference_mode()`` where no gradient is wanted.
    x : Tensor of shape (N, C, H, W)
        Normalised images.
    see : callable
        Called once for each block and link, in their order. What it does not keep is freed.

    Returns
    -------
    Tensor of shape (N, classes)
        The logits, those of ``chain(x)``.

    Examples
    --------
    >>> import torch
    >>> from resprobe import Architecture, unravel
    >>> x = torch.zeros(2, 3, 32, 32)
    >>> chain, seen = unravel(Architecture("resnet8", width=4).build(), x), []
    >>> logits = pass_through(chain, x, seen.append)
    >>> [(passed.number, passed.end.shape[1]) for passed in seen]
    [(0, 4), (1, 8), (2, 16)]
    """
    hidden, number = chain.stem(x), 0
    for step in chain.steps:
        assert isinstance(step, Step)
        is_block = isinstance(step, ResidualBlock | PlainBlock)
        passed = passage(step, hidden, number=number if is_block else None)
        number += is_block
        see(passed)
        hidden = passed.end
        del passed
    out: Tensor = chain.head(hidden)
    return out


def passage(step: Step, start: Tensor, *, number: int | None = None) -> Passage:
    """Run one step; parameters as the attributes of :class:`Passage`."""
    if not isinstance(step, ResidualBlock):
        return Passage(step, number, start, step(start))
    shortcut, branch = step.shortcut(start), step.branch(start)
    total = shortcut + branch
    return Passage(step, number, start, step.after(total), shortcut, branch, total)
