"""Photographs that stay files on the disk, decoded when they are asked for."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from resprobe.datasets.augmentation import Augmentation
from resprobe.datasets.digests import content_digest
from resprobe.datasets.division import divided, evenly_spaced
from resprobe.datasets.file_feed import FileFeed
from resprobe.datasets.normalise import Normalisation
from resprobe.datasets.paths import Paths
from resprobe.datasets.views import centre_view, picture
from resprobe.errors import InputError

__all__ = ["FileSet"]

AHEAD = 2
"""Parts of a stream that are decoded while the one before them is used."""


@dataclass(frozen=True, eq=False)
class FileSet:
    """A split of a data set whose images are files, of any size, never held in memory.

    :meth:`pixels` shows the middle of each: its short side is resized to 256/224 of
    ``crop_size``, and a square of ``crop_size`` cut out. :meth:`feed` shows random parts.

    Parameters
    ----------
    files : Paths
        N image files, at least 1.
    labels : Tensor
        (N,), int64, each in ``range(len(classes))``; where they lie, pixels come to lie.
    classes : tuple of str
        Class names in the order of the labels.
    name : str
        What results call the data set.
    split : str
        "train", "validation" or "test".
    normalisation : Normalisation or None
        The data set's published one.
    spec : str
        What ``load`` takes to read it again.
    crop_size : int
        Height and width of an image as :meth:`pixels` gives it.
    """

    files: Paths
    labels: Tensor
    classes: tuple[str, ...]
    name: str
    split: str
    normalisation: Normalisation | None = None
    spec: str = ""
    crop_size: int = 224

    def __post_init__(self) -> None:
        if not len(self.files):
            raise InputError(f"{self.name}: the {self.split} split holds no image")

    def __len__(self) -> int:
        return len(self.files)

    @property
    def device(self) -> torch.device:
        """Where labels lie, and pixels come to lie."""
        return self.labels.device

    @property
    def labelled(self) -> bool:
        """Whether the images have labels; without, every label is -1."""
        return bool(self.classes)

    @property
    def channels(self) -> int:
        """3: whatever a file holds is converted to RGB."""
        return 3

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of an image as :meth:`pixels` gives it."""
        return self.crop_size, self.crop_size

    @property
    def nbytes(self) -> int:
        """0: the images lie on the disk."""
        return 0

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of class names, labels, file names and their lengths in bytes, in order.

        The files are not read: one that is changed for another of the same name and length
        is not told apart.
        """
        return content_digest(
            (len(self), self.channels), self.classes, self.labels, self.files.described()
        )

    def pixels(self, which: slice | Tensor) -> Tensor:
        """Return the middles of the images at ``which``, (B, 3, H, W), uint8, on the device.

        Raises
        ------
        InputError
            If a file does not decode, or has more than 8 bits per channel; it is named.
        """
        if not len(self.files[which]):
            return torch.empty(0, 3, *self.size, dtype=torch.uint8, device=self.device)
        return next(self.stream([which]))

    def stream(self, parts: Iterable[slice | Tensor]) -> Iterator[Tensor]:
        """Yield the pixels of each part, in order, decoded by threads ahead of their use."""
        pool = ThreadPoolExecutor(max_workers=_cpus())
        waiting: deque[list[Future[npt.NDArray[np.uint8]]]] = deque()
        try:
            for part in parts:
                files = self.files[part]
                waiting.append([pool.submit(self._middle, file) for file in files])
                if len(waiting) > AHEAD:
                    yield self._together(waiting.popleft())
            while waiting:
                yield self._together(waiting.popleft())
        finally:
            pool.shutdown(cancel_futures=True)

    def _middle(self, file: Path) -> npt.NDArray[np.uint8]:
        return picture(file, partial(centre_view, side=self.crop_size))

    def _together(self, images: list[Future[npt.NDArray[np.uint8]]]) -> Tensor:
        pixels = np.stack([image.result() for image in images])
        return torch.from_numpy(pixels).to(self.device).permute(0, 3, 1, 2).contiguous()

    def take(self, indices: Tensor) -> FileSet:
        """Return the images at ``indices`` (a 1-d integer tensor), in that order."""
        return replace(self, files=self.files[indices], labels=self.labels[indices.to(self.device)])

    def subset(self, n: int) -> FileSet:
        """Return ``n`` images evenly spaced over the split: index ``floor(i * len / n)``.

        Raises
        ------
        UsageError
            If ``n`` is less than 1 or more than there are.
        """
        return self.take(evenly_spaced(self, n))

    def holdout(self, fraction: float, seed: int = 0) -> tuple[FileSet, FileSet]:
        """Split into training and validation images, as :meth:`ImageSet.holdout` does.

        Raises
        ------
        UsageError
            If the fraction is not between 0 and 1, or there is only one image.
        InputError
            If a class of the data would have no image on one of the sides.
        """
        return divided(self, fraction, seed=seed)

    def sized(self, size: int) -> FileSet:
        """Return the same images, whose middles are shown ``size`` pixels high and wide."""
        return replace(self, crop_size=size)

    def to(self, device: torch.device | str) -> FileSet:
        """Return the same set with labels, and pixels when they are asked for, on ``device``."""
        return replace(self, labels=self.labels.to(device))

    def feed(
        self, normalisation: Normalisation, augmentation: Augmentation, *, workers: int = 0
    ) -> FileFeed:
        """Return where a trainer gets augmented batches from.

        Parameters
        ----------
        normalisation : Normalisation
            For three channels.
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
        """
        return FileFeed(self.files, self.labels, normalisation, augmentation, workers=workers)


def _cpus() -> int:
    """Return the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
