"""One batch on its way through the chain, so that cotangents can be pulled back step by step.

The forward pass is run once, as autograd's graph; a cotangent is then pulled back through one
part of one step at a time, as often as wanted. Pulling one cotangent after the other is up to
twice as fast on a CPU as a stack of them at once (``is_grads_batched``), and needs less memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from resprobe.chain import Chain, Passage, passage
from resprobe.chain.chain import Step
from resprobe.errors import ResprobeError

__all__ = ["Place", "Tape", "record"]


@dataclass(frozen=True)
class Place:
    """One step on one batch.

    Attributes
    ----------
    passed : Passage
        Its input and output, and in a residual block the two addends and their sum.
    counted : bool
        Whether paths choose here; elsewhere the step runs as a whole.
    """

    passed: Passage
    counted: bool

    @property
    def name(self) -> str:
        """The step's path in the user's model."""
        return self.passed.step.name

    def by_after(self, cotangent: Tensor) -> Tensor:
        """Pull back through the activation that follows the sum, which is on every path."""
        assert self.passed.total is not None
        return _pulled(self.passed.end, self.passed.total, cotangent)

    def by_shortcut(self, cotangent: Tensor) -> Tensor:
        """Pull back from the sum through the shortcut."""
        assert self.passed.shortcut is not None
        return _pulled(self.passed.shortcut, self.passed.start, cotangent)

    def by_branch(self, cotangent: Tensor) -> Tensor:
        """Pull back from the sum through the branch."""
        assert self.passed.branch is not None
        return _pulled(self.passed.branch, self.passed.start, cotangent)

    def by_all(self, cotangent: Tensor) -> Tensor:
        """Pull back through the step as a whole."""
        return _pulled(self.passed.end, self.passed.start, cotangent)


@dataclass(frozen=True)
class Tape:
    """A batch's forward pass.

    Attributes
    ----------
    images : int
        In the batch.
    places : tuple of Place
        From the first step to the last.
    top : Tensor
        The loss's gradient at the head's input, where every path begins.
    whole : Tensor
        The loss's gradient at the far end, by plain automatic differentiation.
    stem : Place or None
        Pulled through last where the far end is the images; None where it is the first block.
    """

    images: int
    places: tuple[Place, ...]
    top: Tensor
    whole: Tensor
    stem: Place | None

    @property
    def counted(self) -> int:
        """Blocks in which a path chooses."""
        return sum(place.counted for place in self.places)

    def at_end(self, cotangent: Tensor) -> Tensor:
        """Bring a cotangent at the first block to where gradients are measured."""
        return cotangent if self.stem is None else self.stem.by_all(cotangent)


def record(
    chain: Chain, x: Tensor, y: Tensor, counted: tuple[bool, ...], *, at_images: bool
) -> Tape:
    """Run the chain with gradients on, and keep what pulling back needs.

    Call where parameters require no gradient, so that none is computed for them.

    Parameters
    ----------
    counted : tuple of bool
        For each step, whether paths choose in it.

    Raises
    ------
    ResprobeError
        If the loss's gradient is not finite, or does not reach the end.
    """
    images = x.detach().requires_grad_()
    first = Place(passage(chain.stem, images), counted=False)
    hidden, places = first.passed.end, []
    for step, chooses in zip(chain.steps, counted, strict=True):
        assert isinstance(step, Step)
        places.append(Place(passage(step, hidden), chooses))
        hidden = places[-1].passed.end
    loss = F.cross_entropy(chain.head(hidden), y, reduction="sum")
    far = images if at_images else first.passed.end
    if not loss.requires_grad:
        raise ResprobeError("the network's output does not depend on its images; no path does")
    top, whole = torch.autograd.grad(loss, [hidden, far], retain_graph=True, materialize_grads=True)
    for gradient, where in ((top, "head"), (whole, "images" if at_images else "first block")):
        check_finite(gradient, where)
    return Tape(len(x), tuple(places), top, whole, first if at_images else None)


def check_finite(gradient: Tensor, where: str) -> None:
    """Raise ResprobeError unless every number is finite."""
    if not gradient.isfinite().all():
        raise ResprobeError(
            f"the gradient at {where} is not finite; check the weights (a network at "
            "initialisation may overflow in eval mode: train it first)"
        )


def _pulled(end: Tensor, start: Tensor, cotangent: Tensor) -> Tensor:
    cotangent = cotangent.sum_to_size(end.shape)  # an addend may have been broadcast
    if end is start:
        return cotangent
    if not end.requires_grad:
        return torch.zeros_like(start)
    (pulled,) = torch.autograd.grad(
        end, start, cotangent, retain_graph=True, materialize_grads=True
    )
    return pulled
