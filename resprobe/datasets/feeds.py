"""Training images as a network sees them, in the batches that a trainer asks for."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from resprobe.datasets.augment import augment
from resprobe.datasets.augmentation import Augmentation, Crop
from resprobe.datasets.normalise import Normalisation
from resprobe.datasets.protocol import Images
from resprobe.errors import UsageError

__all__ = ["MemoryFeed"]


@dataclass(frozen=True, eq=False)
class MemoryFeed:
    """Batches of images that are held in memory, cropped and mirrored on their device.

    Parameters
    ----------
    data : Images
        What to learn from.
    normalisation : Normalisation
        Applied before the augmentation, so that padded zeros are the mean pixel.
    augmentation : Augmentation
        With :attr:`Crop.PAD`, and without a change of colours.

    Raises
    ------
    UsageError
        If the augmentation is one for photographs of many sizes.
    InputError
        If the normalisation is for another number of channels.
    """

    data: Images
    normalisation: Normalisation
    augmentation: Augmentation

    def __post_init__(self) -> None:
        self.normalisation.check(self.data.channels)
        if self.augmentation.crop is not Crop.PAD or self.augmentation.colour:
            height, width = self.data.size
            raise UsageError(
                f"crop={self.augmentation.crop.value} and colour are for photographs read from "
                f"files (imagenet:PATH); {self.data.name} has {height}x{width} images in memory, "
                "so choose crop=pad and colour=false"
            )

    @property
    def device(self) -> torch.device:
        """Where images and batches lie."""
        return self.data.device

    def __len__(self) -> int:
        return len(self.data)

    def batches(
        self, chosen: Sequence[Tensor], *, seed: int, epoch: int
    ) -> Generator[tuple[Tensor, Tensor], None, None]:
        """Yield images and labels for each 1-d tensor of indices, in that order."""
        pad, flip = self.augmentation.pad, self.augmentation.flip
        for indices in chosen:
            there = indices.to(self.device)
            images = self.normalisation.apply(self.data.pixels(there))
            x = augment(images, seed=seed, epoch=epoch, indices=there, pad=pad, flip=flip)
            yield x.contiguous(memory_format=torch.channels_last), self.data.labels[there]
