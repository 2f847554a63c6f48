"""One forward and backward pass over some images, reduced to numbers per image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from resprobe.chain import Chain, Passage, ResidualBlock, pass_through
from resprobe.errors import ResprobeError
from resprobe.probes.readouts.borderline import gap_of
from resprobe.probes.readouts.estimation import ImageMoments, StageErrors
from resprobe.probes.readouts.exits import Exits
from resprobe.probes.readouts.features import pooled
from resprobe.probes.readouts.ridge import LinearProbe
from resprobe.probes.taps import FAINT, norms_of

__all__ = ["Looked", "features", "look"]

Array = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Looked:
    """What is found of N images.

    Attributes
    ----------
    labels : array of shape (N,)
    final : array of shape (N,)
        The network's prediction.
    head, losses, gaps : array of shape (N, exits)
        Prediction, cross entropy, and gap of the two largest probabilities, after each read-out.
    probes : array of shape (N, blocks) or None
        Predictions of the fitted probes.
    cosines : array of shape (N, blocks)
        NaN where there is none.
    errors : list
        As :meth:`StageErrors.seen` gives it.
    """

    labels: Numbers
    final: Numbers
    head: Numbers
    losses: Array
    gaps: Array
    probes: Numbers | None
    cosines: Array
    errors: list[tuple[ImageMoments, ...]]


def features(chain: Chain, x: Tensor) -> list[Tensor]:
    """Return the pooled output of every block, (N, channels) in float64 on the CPU.

    Raises
    ------
    ResprobeError
        If one is not finite.
    """
    found: list[Tensor] = []

    def see(passed: Passage) -> None:
        if passed.number is not None:
            found.append(_finite(pooled(passed.end), passed.step.name))

    with torch.inference_mode():
        pass_through(chain, x, see)
    return found


def look(
    chain: Chain,
    x: Tensor,
    y: Tensor,
    *,
    exits: Exits,
    ends: Sequence[int],
    probes: Sequence[LinearProbe] | None,
) -> Looked:
    """Run images forward and back; parameters must require no gradient.

    Raises
    ------
    ResprobeError
        If an output or a gradient is not finite.
    """
    passages: list[Passage] = []

    def see(passed: Passage) -> None:
        if passed.number is not None:
            passages.append(passed)

    with torch.enable_grad():
        logits = pass_through(chain, x.detach().requires_grad_(), see)
        loss = F.cross_entropy(logits, y, reduction="sum")
    cosines = _cosines(passages, loss)
    with torch.no_grad():
        outputs = [passed.end.detach() for passed in passages]
        passages.clear()
        read = torch.stack(exits.read(outputs), dim=1).cpu().double()
        _finite(read, "head")
        labels = y.cpu()
        entropies = F.cross_entropy(
            read.flatten(0, 1), labels.repeat_interleave(len(exits)), reduction="none"
        )
        found = [_finite(pooled(out), b.name) for out, b in zip(outputs, chain.blocks, strict=True)]
        return Looked(
            labels=labels.numpy(),
            final=logits.argmax(1).cpu().numpy(),
            head=read.argmax(2).numpy(),
            losses=entropies.reshape(len(x), -1).numpy(),
            gaps=gap_of(read.softmax(2).numpy()),
            probes=None if probes is None else _predicted(probes, found),
            cosines=cosines,
            errors=StageErrors.seen(ends, outputs),
        )


def _predicted(probes: Sequence[LinearProbe], found: Sequence[Tensor]) -> Numbers:
    pairs = zip(probes, found, strict=True)
    read = torch.stack([probe.predict(one) for probe, one in pairs], dim=1)
    return np.asarray(read.numpy(), dtype=np.int64)


def _cosines(passages: Sequence[Passage], loss: Tensor) -> Array:
    """Return the cosine of each branch's output and the loss's gradient at the block's input."""
    found = np.full((len(passages[0].start), len(passages)), np.nan)
    places = [i for i, passed in enumerate(passages) if _comparable(passed)]
    if not places or not loss.requires_grad:
        return found
    starts = [passages[i].start for i in places]
    for i, gradient in zip(places, torch.autograd.grad(loss, starts), strict=True):
        _finite(gradient, passages[i].step.name, what="gradient")
        branch = passages[i].branch
        assert branch is not None
        found[:, i] = _cosine(branch.detach().expand_as(gradient), gradient).numpy()
    return found


def _comparable(passed: Passage) -> bool:
    block = passed.step
    return isinstance(block, ResidualBlock) and block.kind == "identity"


def _cosine(branch: Tensor, gradient: Tensor) -> Tensor:
    """Return one cosine per image; NaN where a vector is too faint to have a direction."""
    sizes = norms_of(branch), norms_of(gradient)
    faint = (sizes[0] < FAINT) | (sizes[1] < FAINT)
    # dividing first: the product of two faint vectors would leave float32's range
    unit = gradient.flatten(1) / sizes[1].clamp_min(FAINT).to(gradient)[:, None]
    dots = (branch.flatten(1) * unit).sum(1).cpu().double()
    return (dots / sizes[0].clamp_min(FAINT)).masked_fill(faint, float("nan"))


def _finite(values: Tensor, where: str, *, what: str = "output") -> Tensor:
    if not values.isfinite().all():
        raise ResprobeError(
            f"the {what} at {where} is not finite, so nothing can be read from it; check the "
            "weights (a network at initialisation may overflow in eval mode: train it first)"
        )
    return values
