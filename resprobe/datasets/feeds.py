"""Training images as a network sees them, in the batches that a trainer asks for."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from resprobe.datasets.augment import Frame, draws, mirrored
from resprobe.datasets.augmentation import Augmentation, Crop
from resprobe.datasets.normalise import Normalisation
from resprobe.errors import UsageError

__all__ = ["MemoryFeed"]


@dataclass(frozen=True, eq=False)
class MemoryFeed:
    """Batches of images that are held in memory, cropped and mirrored on their device.

    Parameters
    ----------
    images : Tensor
        (N, C, H, W), uint8; kept channels last in memory.
    labels : Tensor
        (N,), int64, on the device of the images.
    normalisation : Normalisation
        Applied before the images are framed, so that padded zeros are the mean pixel.
    augmentation : Augmentation
        With :attr:`Crop.PAD`, and without a change of colours.
    name : str
        What errors call the images.

    Raises
    ------
    UsageError
        If the augmentation is one for photographs of many sizes.
    InputError
        If the normalisation is for another number of channels.
    """

    images: Tensor
    labels: Tensor
    normalisation: Normalisation
    augmentation: Augmentation
    name: str = "the data set"

    def __post_init__(self) -> None:
        self.normalisation.check(self.images.shape[1])
        if self.augmentation.crop is not Crop.PAD or self.augmentation.colour:
            height, width = self.images.shape[2:]
            raise UsageError(
                f"crop={self.augmentation.crop.value} and colour are for photographs read from "
                f"files (imagenet:PATH); {self.name} has {height}x{width} images in memory, "
                "so choose crop=pad and colour=false"
            )
        kept = self.images.contiguous(memory_format=torch.channels_last)
        object.__setattr__(self, "images", kept)

    @property
    def device(self) -> torch.device:
        """Where images and batches lie."""
        return self.images.device

    def __len__(self) -> int:
        return len(self.images)

    def batches(
        self, chosen: Sequence[Tensor], *, seed: int, epoch: int
    ) -> Generator[tuple[Tensor, Tensor], None, None]:
        """Yield images and labels for each 1-d tensor of indices, in that order.

        What comes out is :func:`resprobe.datasets.augment` of the normalised images, bit for
        bit; bytes are mirrored before they are normalised, since they are fewer.
        """
        if not chosen:
            return
        pad, sizes = self.augmentation.pad, [len(indices) for indices in chosen]
        together = torch.cat(list(chosen)).cpu()
        down, right, mirror = draws(seed=seed, epoch=epoch, indices=together, pad=pad)
        if self.augmentation.flip:  # the window of the mirrored image that is mirrored the same
            right = torch.where(mirror, 2 * pad - right, right)
        places = [torch.split(v.to(self.device), sizes) for v in (together, down, right)]
        shape = (max(sizes), *self.images.shape[2:], self.images.shape[1])
        frame = Frame(shape, pad=pad, like=self.images.new_empty(0, dtype=torch.float32))
        for indices, top, left, turned in zip(*places, torch.split(mirror, sizes), strict=True):
            pixels = self.images.permute(0, 2, 3, 1).index_select(0, indices)
            if self.augmentation.flip:
                pixels = mirrored(pixels, turned)
            shown = frame.inner[: len(indices)].permute(0, 3, 1, 2)
            self.normalisation.apply(pixels.permute(0, 3, 1, 2), out=shown)
            yield frame.windows(top, left).permute(0, 3, 1, 2), self.labels.index_select(0, indices)
