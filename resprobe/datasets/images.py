"""Images and labels as two tensors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from resprobe.datasets.augmentation import Augmentation
from resprobe.datasets.digests import content_digest
from resprobe.datasets.division import divided, evenly_spaced
from resprobe.datasets.feeds import MemoryFeed
from resprobe.datasets.labels import NO_LABEL
from resprobe.datasets.normalise import Normalisation
from resprobe.errors import InputError

__all__ = ["ImageSet"]


@dataclass(frozen=True, eq=False)
class ImageSet:
    """A split of a data set, held whole in memory on one device.

    Parameters
    ----------
    images : Tensor
        (N, C, H, W), uint8, N at least 1.
    labels : Tensor
        (N,), int64, each in ``range(len(classes))``, on the device of the images; all -1 where
        there are no labels.
    classes : tuple of str
        Class names in the order of the labels; empty where there are no labels.
    name : str
        What results call the data set: "cifar10", "folder:pets".
    split : str
        "train", "validation" or "test"; "all" of images without labels.
    normalisation : Normalisation or None
        The data set's published one; None where nobody published any.
    spec : str
        What ``load`` takes to read it again ("" where it was not loaded).

    Raises
    ------
    InputError
        If the tensors are not such images and labels.

    Examples
    --------
    >>> pixels, labels = torch.zeros(6, 1, 8, 8, dtype=torch.uint8), torch.arange(6) % 2
    >>> images = ImageSet(pixels, labels, ("cat", "dog"), "mine", "test")
    >>> images.subset(3).labels.tolist()
    [0, 0, 0]
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
        if not self.labelled and low == high == NO_LABEL:
            return
        if low < 0 or high >= len(self.classes):
            raise InputError(
                f"{self.name}: labels from {low} to {high} do not fit {len(self.classes)} classes"
            )

    def __len__(self) -> int:
        return len(self.images)

    @property
    def labelled(self) -> bool:
        """Whether the images have labels; without, every label is -1."""
        return bool(self.classes)

    @property
    def channels(self) -> int:
        """Number of channels of an image."""
        return int(self.images.shape[1])

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of an image, in pixels."""
        return int(self.images.shape[2]), int(self.images.shape[3])

    @property
    def device(self) -> torch.device:
        """Where images and labels lie."""
        return self.images.device

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the images take."""
        return self.images.numel()

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of shape, class names, labels and pixels, in order.

        Examples
        --------
        >>> images = torch.zeros(2, 1, 2, 2, dtype=torch.uint8)
        >>> data = ImageSet(images, torch.arange(2), ("a", "b"), "two", "test")
        >>> data.digest == data.take(torch.tensor([1, 0])).digest
        False
        """
        return content_digest(
            (len(self), self.channels, *self.size),
            self.classes,
            self.labels,
            (part.cpu().contiguous().numpy().data for part in torch.split(self.images, 1024)),
        )

    def pixels(self, which: slice | Tensor) -> Tensor:
        """Return the images at ``which``: a slice, or a 1-d integer tensor."""
        return self.images[which if isinstance(which, slice) else which.to(self.device)]

    def stream(self, parts: Iterable[slice | Tensor]) -> Iterator[Tensor]:
        """Yield the images of each part, in order."""
        return map(self.pixels, parts)

    def sized(self, size: int) -> ImageSet:  # noqa: ARG002  # they have no larger original
        """Return the set as it is: its images are not cut from larger ones."""
        return self

    def feed(
        self,
        normalisation: Normalisation,
        augmentation: Augmentation,
        *,
        workers: int = 0,  # noqa: ARG002  # nothing is left to do for them
    ) -> MemoryFeed:
        """Return where a trainer gets augmented batches from; ``workers`` are not needed.

        Raises
        ------
        UsageError
            If the augmentation is one for photographs of many sizes.
        InputError
            If the normalisation is for another number of channels.
        """
        return MemoryFeed(self.images, self.labels, normalisation, augmentation, self.name)

    def take(self, indices: Tensor) -> ImageSet:
        """Return the images at ``indices`` (a 1-d integer tensor), in that order."""
        indices = indices.to(self.device)
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
        return self.take(evenly_spaced(self, n))

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
        InputError
            If there are no labels, or a class would have no image on one of the sides.
        """
        return divided(self, fraction, seed=seed)

    def to(self, device: torch.device | str) -> ImageSet:
        """Return the same set with its tensors on ``device``."""
        return replace(self, images=self.images.to(device), labels=self.labels.to(device))
