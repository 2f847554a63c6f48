"""What a network's images are, wherever they lie, and what a trainer gets its batches from."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Protocol, Self

import torch
from torch import Tensor

from resprobe.datasets.augmentation import Augmentation
from resprobe.datasets.normalise import Normalisation

__all__ = ["Feed", "Images"]


class Feed(Protocol):
    """Where a trainer's batches come from.

    What is done to an image is a function of (seed, epoch, index) alone, so that a run that is
    resumed, or divided over several processes, sees the same images.
    """

    @property
    def device(self) -> torch.device:
        """Where the batches come to lie."""

    def __len__(self) -> int:
        """Return the number of images."""

    def batches(
        self, chosen: Sequence[Tensor], *, seed: int, epoch: int
    ) -> Generator[tuple[Tensor, Tensor], None, None]:
        """Yield images and labels for each 1-d tensor of indices, in that order.

        Yields
        ------
        x : Tensor
            (B, C, H, W), float32, augmented, normalised, channels last in memory.
        y : Tensor
            (B,), int64.
        """


class Images(Protocol):
    """A split of a data set: its labels at hand, its pixels when they are asked for.

    What :class:`resprobe.datasets.ImageSet` (in memory) and
    :class:`resprobe.datasets.FileSet` (files on disk) have in common.
    """

    @property
    def labels(self) -> Tensor:
        """(N,), int64, each in ``range(len(classes))``, on the device; without labels, all -1."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the labels; empty where there are no labels."""

    @property
    def labelled(self) -> bool:
        """Whether there are labels."""

    @property
    def name(self) -> str:
        """What results call the data set."""

    @property
    def split(self) -> str:
        """Which part it is: "train", "validation" or "test"; "all" of images without labels."""

    @property
    def normalisation(self) -> Normalisation | None:
        """The data set's published one; None where nobody published any."""

    @property
    def spec(self) -> str:
        """What ``load`` takes to read it again ("" where it was not loaded)."""

    @property
    def device(self) -> torch.device:
        """Where labels lie, and pixels come to lie."""

    @property
    def channels(self) -> int:
        """Number of channels of an image."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of an image as :meth:`pixels` gives it."""

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the pixels take while nobody asks for them."""

    @property
    def digest(self) -> str:
        """A SHA-256 that differs where images, labels, classes or their order differ."""

    def __len__(self) -> int:
        """Return the number of images."""

    def pixels(self, which: slice | Tensor) -> Tensor:
        """Return the images at ``which``, (B, C, H, W), uint8, not augmented."""

    def stream(self, parts: Iterable[slice | Tensor]) -> Iterator[Tensor]:
        """Yield the pixels of each part, in order, fetched ahead where that takes time."""

    def take(self, indices: Tensor) -> Self:
        """Return the images at ``indices``, in that order."""

    def subset(self, n: int) -> Self:
        """Return ``n`` images evenly spaced over the split."""

    def holdout(self, fraction: float, seed: int = 0) -> tuple[Self, Self]:
        """Split into training and validation images."""

    def sized(self, size: int) -> Self:
        """Return them as they show at another size, where each is cut from a larger one."""

    def to(self, device: torch.device | str) -> Self:
        """Return the same set with its labels and pixels on ``device``."""

    def feed(
        self, normalisation: Normalisation, augmentation: Augmentation, *, workers: int = 0
    ) -> Feed:
        """Return where a trainer gets augmented batches of these images from."""
