"""What a linear probe is shown of a block's output."""

from __future__ import annotations

from torch import Tensor

from resprobe.probes.channels import channel_axis

__all__ = ["features_of", "pooled"]


def pooled(end: Tensor) -> Tensor:
    """Average a block's output over positions: (N, ...) to (N, channels) in float64 on the CPU.

    Maps (N, C, H, W) are averaged over H and W, tokens (N, T, D) over T; see
    :func:`resprobe.probes.channels.channel_axis`.

    Examples
    --------
    >>> import torch
    >>> shapes = (2, 8, 4, 4), (2, 5, 3), (2, 4, 4, 8), (2, 7)
    >>> [tuple(pooled(torch.zeros(shape)).shape) for shape in shapes]
    [(2, 8), (2, 3), (2, 8), (2, 7)]
    """
    if end.dim() == 2:
        return end.cpu().double()
    channel = channel_axis(end.shape)
    axes = [axis for axis in range(1, end.dim()) if axis != channel]
    # float32 holds a mean over positions to 1e-7; sums over images are in float64
    return end.mean(axes).cpu().double()


def features_of(shape: tuple[int, ...]) -> int:
    """Return how many features a block's output of such a shape, without the batch, gives.

    Examples
    --------
    >>> features_of((8, 4, 4)), features_of((5, 3)), features_of((7,))
    (8, 3, 7)
    """
    return (1, *shape)[channel_axis((1, *shape))]
