"""Random crops and flips on the device, each image's drawn from (seed, epoch, index) alone."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from resprobe.datasets.splitmix import words
from resprobe.errors import UsageError

__all__ = ["augment", "draws"]


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
        (B, C, H, W), a new one of the same type on the same device.

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
    count, channels, height, width = images.shape
    down, right, mirror = draws(seed=seed, epoch=epoch, indices=indices.to(images.device), pad=pad)
    rows = down[:, None] + torch.arange(height, device=images.device)
    columns = right[:, None] + torch.arange(width, device=images.device)
    if flip:
        columns = torch.where(mirror[:, None], columns.flip(1), columns)
    source = rows[:, :, None] * (width + 2 * pad) + columns[:, None, :]
    source = source.view(count, 1, -1).expand(-1, channels, -1)
    field = functional.pad(images, (pad, pad, pad, pad)).flatten(2)
    return field.gather(2, source).view(count, channels, height, width)


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
