"""The batches that a network sees: sized, normalised, in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from resprobe.datasets.normalise import Normalisation
from resprobe.datasets.protocol import Images
from resprobe.errors import InputError, UsageError

__all__ = ["Batches"]


@dataclass(frozen=True, eq=False)
class Batches:
    """The images of a set in order, normalised, in batches; iterate as often as wanted.

    Parameters
    ----------
    data : Images
        Where the batches come from; they live on its device.
    normalisation : Normalisation
        Applied to each batch. One for a single channel serves repeated grey images as well.
    batch_size : int
        Images per batch; the last one may be smaller.
    image_size : int, optional
        Height and width to show, in pixels; the images' own if not given. Images of another
        size are interpolated batch by batch before they are normalised: bilinear, with
        antialiasing where they get smaller. Those that have it already are not touched.
    channels : int, optional
        Channels to show; the images' own if not given. Grey images are repeated, nothing else
        is converted.
    smallest : int
        Images that the last of several batches has at least: fewer join the batch before it.

    Yields
    ------
    x : Tensor
        (B, C, H, W), float32, with (C, H, W) as :attr:`shape` says.
    y : Tensor
        (B,), int64.

    Raises
    ------
    UsageError
        If the batch size or the image size is less than 1.
    InputError
        If the normalisation is for another number of channels, or images that are not grey
        are wanted with another number of channels.

    Examples
    --------
    >>> import torch
    >>> from resprobe.datasets import ImageSet
    >>> images = torch.zeros(10, 1, 28, 28, dtype=torch.uint8)
    >>> grey = ImageSet(images, torch.arange(10), tuple("abcdefghij"), "ten", "test")
    >>> batches = Batches(grey, Normalisation.parse("imagenet"), image_size=32, channels=3)
    >>> batches.example().shape
    torch.Size([2, 3, 32, 32])
    >>> batches.changes
    ('resized from 28x28 to 32x32', 'grey repeated over 3 channels')
    """

    data: Images
    normalisation: Normalisation
    batch_size: int = 64
    image_size: int | None = None
    channels: int | None = None
    smallest: int = 1

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise UsageError(f"a batch size of {self.batch_size} was asked for; it is at least 1")
        if min(self.shape) < 1:
            raise UsageError(
                f"images of {self.image_size} pixels and {self.channels} channels were asked for; "
                "both are at least 1"
            )
        wanted, there = self.shape[0], self.data.channels
        if wanted != there and there != 1:
            raise InputError(
                f"{self.data.name} has images of {there} channels and {wanted} are wanted; only "
                "grey images can be shown with another number of channels"
            )
        if self.normalisation.channels != there:  # one for grey images fits their copies too
            self.normalisation.check(wanted)

    @property
    def n(self) -> int:
        """Number of images."""
        return len(self.data)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image as a network sees it."""
        height, width = self.data.size if self.image_size is None else (self.image_size,) * 2
        return self.data.channels if self.channels is None else self.channels, height, width

    @property
    def changes(self) -> tuple[str, ...]:
        """What is done to the images before they are normalised, in words."""
        (height, width), (channels, *size) = self.data.size, self.shape
        changes = []
        if [height, width] != size:
            changes.append(f"resized from {height}x{width} to {size[0]}x{size[1]}")
        if channels != self.data.channels:
            changes.append(f"grey repeated over {channels} channels")
        return tuple(changes)

    @property
    def sizes(self) -> list[int]:
        """Images of each batch."""
        full, rest = divmod(self.n, self.batch_size)
        if full and 0 < rest < self.smallest:
            return [*[self.batch_size] * (full - 1), self.batch_size + rest]
        return [*[self.batch_size] * full, *[rest] * (rest > 0)]

    def __len__(self) -> int:
        return len(self.sizes)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        ends = list(accumulate(self.sizes))
        parts = [slice(a, b) for a, b in zip([0, *ends], ends, strict=False)]
        for part, images in zip(parts, self.data.stream(parts), strict=True):
            yield self._shown(images), self.data.labels[part]

    def example(self) -> Tensor:
        """Return the first two images (one, if there is no more) as a network sees them."""
        return self._shown(self.data.pixels(slice(2)))

    def describe(self) -> dict[str, Any]:
        """Return what the provenance of a result says about its data, in JSON types."""
        return {
            "data_set": self.data.name,
            "split": self.data.split,
            "n": self.n,
            "shape": list(self.shape),
            "changes": list(self.changes),
            "normalisation": self.normalisation.to_dict(),
            "batch_size": self.batch_size,
        }

    def _shown(self, images: Tensor) -> Tensor:
        channels, *size = self.shape
        if list(images.shape[2:]) != size:
            images = F.interpolate(images.float(), size, mode="bilinear", antialias=True)
        if self.normalisation.channels != images.shape[1]:
            images = images.repeat(1, channels, 1, 1)
        x = self.normalisation.apply(images)
        return x if x.shape[1] == channels else x.repeat(1, channels, 1, 1)
