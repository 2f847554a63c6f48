"""Random crops and flips on the device, each image's drawn from (seed, epoch, index) alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from resprobe.datasets.splitmix import words
from resprobe.errors import UsageError

__all__ = ["Frame", "augment", "draws", "mirrored"]


def augment(
    images: Tensor,
    *,
    seed: int,
    epoch: int,
    indices: Tensor,
    pad: int = 4,
    flip: bool = True,
) -> Tensor:
    """Pad with zeros, crop to the old size at random, and flip every second image.

    What happens to an image depends on (seed, epoch, its index) only, so it is the same in
    any batch, in any order, on any device, and after a resume.

    Parameters
    ----------
    images : Tensor
        (B, C, H, W), already normalised, so that a padded zero is the mean pixel.
    seed, epoch : int
        Which draw; another epoch gives another crop.
    indices : Tensor
        (B,), int64: the place of each image in its training split.
    pad : int
        Zeros on every side; crops start at 0 to 2 pad in both directions.
    flip : bool
        Mirror an image left to right with probability 1/2, after the crop.

    Returns
    -------
    Tensor
        (B, C, H, W), a new one of the same type on the same device, channels last in memory.

    Raises
    ------
    UsageError
        If ``pad`` is negative or there is not one index per image.

    References
    ----------
    K. He et al., "Deep residual learning for image recognition", arXiv:1512.03385, 4.2.
    """
    if pad < 0 or indices.shape != images.shape[:1]:
        raise UsageError(
            f"augmenting wants a pad of at least 0 and one index per image; got a pad of {pad} "
            f"and {tuple(indices.shape)} indices for {len(images)} images"
        )
    down, right, mirror = draws(seed=seed, epoch=epoch, indices=indices.to(images.device), pad=pad)
    pixels = images.permute(0, 2, 3, 1)
    if flip:  # a crop that is mirrored is one of the mirrored image, as far from its other side
        pixels, right = mirrored(pixels, mirror), torch.where(mirror, 2 * pad - right, right)
    frame = Frame(pixels.shape, pad=pad, like=pixels)
    frame.inner.copy_(pixels)
    return frame.windows(down, right).permute(0, 3, 1, 2)


def mirrored(pixels: Tensor, mirror: Tensor) -> Tensor:
    """Return (B, H, W, C) with those mirrored left to right of which ``mirror``, (B,), says so.

    Only those are turned, and then picked from behind the others. Where ``mirror`` lies on the
    CPU, a GPU is not waited for.
    """
    turned = mirror.nonzero().flatten().to(pixels.device)
    both = torch.cat([pixels, pixels.index_select(0, turned).flip(2)])
    behind, place = mirror.cumsum(0) + (len(mirror) - 1), torch.arange(len(mirror))
    chosen = torch.where(mirror, behind, place.to(mirror.device))
    return both.index_select(0, chosen.to(pixels.device))


class Frame:
    """A border of zeros around images, to cut windows of their own size from.

    The images are to be put into ``inner``, (B, H, W, C); windows are cut out of ``field``.

    Parameters
    ----------
    shape : sequence of int
        (B, H, W, C) of the images; a frame serves fewer than B as well.
    pad : int
        Zeros on every side.
    like : Tensor
        Whose type and device the images have.
    """

    def __init__(self, shape: Sequence[int], *, pad: int, like: Tensor) -> None:
        count, height, width, channels = shape
        self.field = like.new_zeros(count, height + 2 * pad, width + 2 * pad, channels)
        self.inner = self.field[:, pad : pad + height, pad : pad + width]

    def windows(self, down: Tensor, right: Tensor) -> Tensor:
        """Return the windows of the first images that start there, (B, H, W, C).

        Each is a slice of one view, in which a window begins at every pixel: slices are
        copied row by row, where a gather would copy number by number.
        """
        _, high, wide, channels = self.field.shape
        _, height, width, _ = self.inner.shape
        starts = self.field.numel() // channels - (height - 1) * wide - width + 1
        view = self.field.view(-1).as_strided(
            (starts, height, width * channels), (channels, wide * channels, 1)
        )
        images = torch.arange(len(down), device=down.device) * (high * wide)
        chosen = view.index_select(0, images + down * wide + right)
        return chosen.view(-1, height, width, channels)


def draws(*, seed: int, epoch: int, indices: Tensor, pad: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return how far down and right each crop starts (0 to 2 pad), and whether it is mirrored.

    Notes
    -----
    Of the words of every (seed, epoch, index) the first gives the two offsets, the second the
    flip. Offsets come from 32 bits scaled to 2 pad + 1, even to one part in 10^8.

    Examples
    --------
    >>> down, right, mirror = draws(seed=0, epoch=1, indices=torch.arange(4), pad=4)
    >>> down.tolist(), right.tolist(), mirror.tolist()
    ([2, 2, 3, 3], [8, 6, 3, 5], [False, True, False, True])
    """
    first, second = words(seed=seed, epoch=epoch, indices=indices)
    span = 2 * pad + 1
    down = ((first >> 32 & 0xFFFFFFFF) * span) >> 32
    right = ((first & 0xFFFFFFFF) * span) >> 32
    return down, right, second < 0
