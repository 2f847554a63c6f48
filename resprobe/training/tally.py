"""What an epoch's batches gave, on their way from the device and added up."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Reading", "Tally"]


class Reading:
    """The loss and the wrong answers of a batch, read while the device works on.

    The copy to the host is asked for when this is made and awaited in :meth:`get`, so that
    what was asked of a GPU in between (the backward pass) runs on meanwhile.

    Parameters
    ----------
    figures : Tensor
        (2,): the mean loss over the batch, and the number of wrong answers.

    Examples
    --------
    >>> Reading(torch.tensor([0.5, 3.0])).get()
    (0.5, 3)
    """

    def __init__(self, figures: Tensor) -> None:
        on_gpu = figures.is_cuda
        self._done = torch.cuda.Event() if on_gpu else None  # type: ignore[no-untyped-call]
        self._host = figures.to("cpu", non_blocking=on_gpu)
        if self._done is not None:
            self._done.record()

    def get(self) -> tuple[float, int]:
        """Wait for the copy; return loss and wrong answers."""
        if self._done is not None:
            self._done.synchronize()
        loss, wrong = self._host.tolist()
        return loss, int(wrong)


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Losses and wrong answers of an epoch's batches, added up in double precision.

    Attributes
    ----------
    loss_sum : float
        Over images, in nats.
    wrong, n : int
        Wrong answers and images.

    Examples
    --------
    >>> tally = Tally().plus(1.0, 3, images=6).plus(4.0, 1, images=2)
    >>> tally.loss, tally.error
    (1.75, 0.5)
    """

    loss_sum: float = 0.0
    wrong: int = 0
    n: int = 0

    @property
    def loss(self) -> float:
        """Mean over the images; NaN before any was seen."""
        return self.loss_sum / self.n if self.n else math.nan

    @property
    def error(self) -> float:
        """Fraction of wrong answers; NaN before any image was seen."""
        return self.wrong / self.n if self.n else math.nan

    def plus(self, loss: float, wrong: int, *, images: int) -> Tally:
        """Return the tally after one more batch, given its mean loss and its wrong answers."""
        return Tally(
            loss_sum=self.loss_sum + loss * images, wrong=self.wrong + wrong, n=self.n + images
        )
