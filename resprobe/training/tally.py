"""What an epoch's batches gave, read from the device as seldom as wanted."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from resprobe.errors import ResprobeError

__all__ = ["Tally"]


class Tally:
    """Losses and wrong answers of an epoch's batches, kept on the device until they are read.

    Sums run on the host in double precision: Apple's GPUs know no float64.
    """

    def __init__(self, batches: int, device: torch.device) -> None:
        self._losses = torch.zeros(batches, dtype=torch.float32, device=device)
        self._wrong = torch.zeros(batches, dtype=torch.int64, device=device)
        self._images: list[int] = []
        self._read = 0
        self._loss_sum = 0.0
        self._wrong_sum = 0
        self._images_read = 0
        self.last_wrong = 0

    @property
    def batches(self) -> int:
        """Batches so far."""
        return len(self._images)

    @property
    def n(self) -> int:
        """Images so far."""
        return sum(self._images)

    @property
    def loss(self) -> float:
        """Mean over the images that were read; NaN before any was."""
        return self._loss_sum / self._images_read if self._images_read else math.nan

    @property
    def error(self) -> float:
        """Fraction of wrong answers among the images that were read; NaN before any was."""
        return self._wrong_sum / self._images_read if self._images_read else math.nan

    def add(self, loss: Tensor, wrong: Tensor, *, images: int) -> None:
        """Note a batch's mean loss and wrong answers."""
        self._losses[self.batches] = loss
        self._wrong[self.batches] = wrong
        self._images.append(images)

    def read(self, iteration: int, rate: float) -> None:
        """Fetch what was noted since the last time; ``iteration`` is the number done so far.

        Raises
        ------
        ResprobeError
            If a loss is NaN or infinite, with the iteration and the learning rate.
        """
        new = slice(self._read, self.batches)
        losses, wrong = self._losses[new].tolist(), self._wrong[new].tolist()
        first = iteration - len(losses) + 1
        for offset, (loss, images) in enumerate(zip(losses, self._images[new], strict=True)):
            if not math.isfinite(loss):
                raise ResprobeError(
                    f"training diverged: the loss is {loss} at iteration {first + offset} "
                    f"(learning rate {rate:g}); lower the learning rate or warm up first"
                )
            self._loss_sum += loss * images
            self._images_read += images
        if wrong:
            self._wrong_sum += sum(wrong)
            self.last_wrong = wrong[-1]
        self._read = self.batches
