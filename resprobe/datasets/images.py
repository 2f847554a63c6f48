"""Images and labels as two tensors."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from resprobe.datasets.normalise import Normalisation
from resprobe.errors import InputError, UsageError

__all__ = ["ImageSet"]


@dataclass(frozen=True, eq=False)
class ImageSet:
    """A split of a data set, held whole in memory on one device.

    Parameters
    ----------
    images : Tensor
        (N, C, H, W), uint8, N at least 1.
    labels : Tensor
        (N,), int64, each in ``range(len(classes))``, on the device of the images.
    classes : tuple of str
        Class names in the order of the labels.
    name : str
        What results call the data set: "cifar10", "folder:pets".
    split : str
        "train", "validation" or "test".
    normalisation : Normalisation or None
        The data set's published one; None where nobody published any.
    spec : str
        What ``load`` takes to read it again ("" where it was not loaded).

    Raises
    ------
    InputError
        If the tensors are not such images and labels.
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    name: str
    split: str
    normalisation: Normalisation | None = None
    spec: str = ""

    def __post_init__(self) -> None:
        if self.images.ndim != 4 or self.images.dtype != torch.uint8:
            raise InputError(
                f"{self.name}: wanted images (N, C, H, W) of uint8, "
                f"got {tuple(self.images.shape)} of {self.images.dtype}"
            )
        if self.labels.dtype != torch.int64 or self.labels.shape != self.images.shape[:1]:
            raise InputError(
                f"{self.name}: wanted {len(self.images)} labels of int64, "
                f"got {tuple(self.labels.shape)} of {self.labels.dtype}"
            )
        if not len(self.images):
            raise InputError(f"{self.name}: the {self.split} split holds no image")
        low, high = (int(end) for end in self.labels.aminmax())
        if low < 0 or high >= len(self.classes):
            raise InputError(
                f"{self.name}: labels from {low} to {high} do not fit {len(self.classes)} classes"
            )

    def __len__(self) -> int:
        return len(self.images)

    @property
    def channels(self) -> int:
        """Number of channels of an image."""
        return int(self.images.shape[1])

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of an image, in pixels."""
        return int(self.images.shape[2]), int(self.images.shape[3])

    def take(self, indices: Tensor) -> ImageSet:
        """Return the images at ``indices`` (a 1-d integer tensor), in that order."""
        indices = indices.to(self.images.device)
        return replace(self, images=self.images[indices], labels=self.labels[indices])

    def subset(self, n: int) -> ImageSet:
        """Return ``n`` images evenly spaced over the split: index ``floor(i * len / n)``.

        Raises
        ------
        UsageError
            If ``n`` is less than 1 or more than there are.

        Examples
        --------
        >>> images = torch.zeros(10, 1, 2, 2, dtype=torch.uint8)
        >>> ImageSet(images, torch.arange(10), tuple("abcdefghij"), "ten", "test").subset(4).labels
        tensor([0, 2, 5, 7])
        """
        if not 1 <= n <= len(self):
            raise UsageError(
                f"{n} images wanted; the {self.split} split of {self.name} has {len(self)}, "
                "so choose from 1 to that"
            )
        return self.take(torch.arange(n) * len(self) // n)

    def holdout(self, fraction: float, seed: int = 0) -> tuple[ImageSet, ImageSet]:
        """Split into training and validation images, disjoint and together all of them.

        Parameters
        ----------
        fraction : float
            Share of the images held out, between 0 and 1; their number is rounded to the
            nearest (half upwards), and at least 1 goes to either side.
        seed : int
            Which images; the same seed gives the same ones. Both sides keep the order.

        Returns
        -------
        train, validation : ImageSet

        Raises
        ------
        UsageError
            If the fraction is not between 0 and 1, or there is only one image.
        """
        if not 0 < fraction < 1 or len(self) < 2:
            raise UsageError(
                f"holding out wants a fraction between 0 and 1 of at least 2 images; "
                f"got {fraction} of {len(self)}"
            )
        held = min(max(int(fraction * len(self) + 0.5), 1), len(self) - 1)
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(seed))
        validation, train = order[:held].sort().values, order[held:].sort().values
        return (
            replace(self.take(train), split="train"),
            replace(self.take(validation), split="validation"),
        )

    def to(self, device: torch.device | str) -> ImageSet:
        """Return the same set with its tensors on ``device``."""
        return replace(self, images=self.images.to(device), labels=self.labels.to(device))
