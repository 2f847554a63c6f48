"""Augmented batches of photographs, decoded by worker processes ahead of their use."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from resprobe.datasets.augmentation import Augmentation, Crop
from resprobe.datasets.lighting import lighting
from resprobe.datasets.normalise import Normalisation
from resprobe.datasets.paths import Paths
from resprobe.datasets.splitmix import ImageDraws
from resprobe.datasets.views import picture, random_view, transforms
from resprobe.datasets.workers import made
from resprobe.errors import UsageError

__all__ = ["FileFeed"]


class _Shown(NamedTuple):
    """A batch as a worker hands it over: bytes, which are a quarter of floats."""

    pixels: Tensor  # (B, H, W, 3), uint8
    shifts: Tensor  # (B, 3), float32: added to the colours, in units of [0, 1]


@dataclass(frozen=True, eq=False)
class FileFeed:
    """Batches of photographs, each shown by a random view.

    Parameters
    ----------
    files : Paths
        What to learn from.
    labels : Tensor
        (N,), int64; batches come to lie on their device.
    normalisation : Normalisation
        For three channels; applied last.
    augmentation : Augmentation
        With :attr:`Crop.SCALE` or :attr:`Crop.RESIZED`.
    workers : int
        Processes that decode; with 0 this one does, between the batches.

    Raises
    ------
    UsageError
        If the augmentation is one for images of one size, or there are fewer than 0 workers.
    InputError
        If the normalisation is for another number of channels.
    ResprobeError
        If torchvision is not installed.
    """

    files: Paths
    labels: Tensor
    normalisation: Normalisation
    augmentation: Augmentation
    workers: int = 0

    def __post_init__(self) -> None:
        if self.augmentation.crop is Crop.PAD:
            raise UsageError(
                "crop=pad is for images of one size held in memory; photographs read from files "
                "(imagenet:PATH) want --recipe he2015-imagenet, or --set crop=scale or crop=resized"
            )
        if self.workers < 0:
            raise UsageError(f"{self.workers} workers were asked for; it is at least 0")
        self.normalisation.check(3)
        transforms()

    @property
    def device(self) -> torch.device:
        """Where the batches come to lie."""
        return self.labels.device

    def __len__(self) -> int:
        return len(self.files)

    def batches(
        self, chosen: Sequence[Tensor], *, seed: int, epoch: int
    ) -> Generator[tuple[Tensor, Tensor], None, None]:
        """Yield images and labels for each 1-d tensor of indices, in that order.

        Workers start with the first batch and end with the last, when the iterator is closed,
        or when an exception passes.

        Raises
        ------
        InputError
            If a file does not decode, or has more than 8 bits per channel; it is named.
        ResprobeError
            If a worker is killed.
        """
        views = _Views(self.files, self.augmentation, seed, epoch)
        pinned = self.device.type == "cuda"
        with closing(made(views, chosen, workers=self.workers, pinned=pinned)) as batches:
            for indices, shown in zip(chosen, batches, strict=True):
                yield self._normalised(shown), self.labels[indices.to(self.device)]

    def _normalised(self, shown: _Shown) -> Tensor:
        pixels = shown.pixels.to(self.device, non_blocking=True).permute(0, 3, 1, 2)
        x = self.normalisation.apply(pixels)
        if self.augmentation.colour:
            std = torch.tensor(self.normalisation.std, dtype=torch.float32)
            shifts = (shown.shifts / std).to(self.device, non_blocking=True)
            x.add_(shifts[:, :, None, None])
        return x


@dataclass(frozen=True, eq=False)
class _Views:
    """What a worker does: all images of a batch, each shown by the view of its index."""

    files: Paths
    augmentation: Augmentation
    seed: int
    epoch: int

    def __call__(self, indices: list[int]) -> _Shown:
        pixels, shifts = zip(*map(self._one, indices), strict=True)
        return _Shown(torch.from_numpy(np.stack(pixels)), torch.tensor(shifts))

    def _one(self, index: int) -> tuple[npt.NDArray[np.uint8], tuple[float, float, float]]:
        draws = ImageDraws(seed=self.seed, epoch=self.epoch, index=index)
        choose = partial(random_view, augmentation=self.augmentation, draws=draws)
        pixels = picture(self.files.at(index), choose)
        return pixels, lighting(draws) if self.augmentation.colour else (0.0, 0.0, 0.0)
