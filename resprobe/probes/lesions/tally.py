"""What is added up over images, lesion by lesion; every figure follows from these sums.

Sums can be added over batches, over processes, and over what was measured before a sweep was
interrupted. Counts are exact in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum, auto

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["Groups", "Sum", "measure", "no_sums"]


class Sum(IntEnum):
    """What the last axis of the sums holds."""

    IMAGES = 0
    CORRECT = auto()
    """The label's logit is the largest, and all are finite."""
    INTACT_CORRECT = auto()
    """The intact network's is, on the same images."""
    BOTH_CORRECT = auto()
    AGREE = auto()
    """The largest logit is where the intact network's is."""
    LOSS = auto()
    LOSS_RISE = auto()
    """The loss beyond the intact network's, image by image."""
    LOSS_RISE_SQUARED = auto()
    KL = auto()
    """Of the intact network's answer from this one's, in nats."""
    KL_SQUARED = auto()
    INTERACTION = auto()
    """Wrong answers beyond those of the parts, image by image: -2 to 2."""
    INTERACTION_SQUARED = auto()


class Groups:
    """Which images are summed apart: all together, or class by class.

    Parameters
    ----------
    classes : int
        How many classes are told apart; 0 for all images in one group.
    """

    def __init__(self, classes: int = 0) -> None:
        self.number = classes or 1
        self.by_class = classes > 0

    def members(self, labels: Tensor) -> Tensor:
        """Return (images, groups), 1 where an image belongs to a group."""
        group = labels if self.by_class else torch.zeros_like(labels)
        return F.one_hot(group, self.number).double()


def no_sums(programs: int, groups: Groups) -> Tensor:
    """Return zeros of shape (programs, groups, sums)."""
    return torch.zeros(programs, groups.number, len(Sum), dtype=torch.float64)


def measure(
    logits: Tensor, labels: Tensor, parts: Sequence[Sequence[int]], groups: Groups
) -> Tensor:
    """Add up over one batch.

    Parameters
    ----------
    logits : Tensor of shape (programs, images, classes)
        The intact network's first.
    labels : int64 Tensor of shape (images,)
        All negative where there are none.
    parts : sequence of sequences of int
        By program: the two programs that it is put together of and the one without either of
        them, or nothing.
    groups : Groups
        By the labels.

    Returns
    -------
    float64 Tensor of shape (programs, groups, sums), on the CPU
    """
    logits = logits.cpu()
    labels = labels.cpu()
    values = _values(logits, labels)
    _interactions(values, parts, labelled=bool((labels >= 0).all()))
    sums = torch.einsum("spi,ig->pgs", values, groups.members(labels.clamp_min(0)))
    return sums.contiguous()  # as processes exchange them


def _values(logits: Tensor, labels: Tensor) -> Tensor:
    """Return (sums, programs, images)."""
    programs, images, _ = logits.shape
    values = torch.zeros(len(Sum), programs, images, dtype=torch.float64)
    answers, finite = logits.argmax(2), logits.isfinite().all(2)
    logs = F.log_softmax(logits.double(), dim=2)
    values[Sum.IMAGES] = 1
    values[Sum.AGREE] = ((answers == answers[0]) & finite & finite[0]).double()
    values[Sum.KL] = F.kl_div(
        logs, logs[:1].expand_as(logs), reduction="none", log_target=True
    ).sum(2)
    values[Sum.KL_SQUARED] = values[Sum.KL].square()
    if (labels >= 0).all():
        correct = (answers == labels) & finite
        values[Sum.CORRECT] = correct.double()
        values[Sum.INTACT_CORRECT] = correct[0].double()
        values[Sum.BOTH_CORRECT] = (correct & correct[0]).double()
        loss = -logs.gather(2, labels.expand(programs, -1)[..., None]).squeeze(2)
        values[Sum.LOSS] = loss
        values[Sum.LOSS_RISE] = loss - loss[0]
        values[Sum.LOSS_RISE_SQUARED] = values[Sum.LOSS_RISE].square()
    return values


def _interactions(values: Tensor, parts: Sequence[Sequence[int]], *, labelled: bool) -> None:
    whole = [number for number, of in enumerate(parts) if of]
    if not whole:
        return
    # without labels, what the intact network answers is the right answer
    wrong = 1 - values[Sum.CORRECT if labelled else Sum.AGREE]
    first, second, neither = (torch.tensor([parts[n][i] for n in whole]) for i in (0, 1, 2))
    beyond = wrong[whole] - wrong[first] - wrong[second] + wrong[neither]
    values[Sum.INTERACTION, whole] = beyond
    values[Sum.INTERACTION_SQUARED, whole] = beyond.square()
