"""What a linear probe is shown of a block's output."""

from __future__ import annotations

from torch import Tensor

__all__ = ["features_of", "pooled"]


def pooled(end: Tensor) -> Tensor:
    """Average a block's output over positions: (N, ...) to (N, channels) in float64 on the CPU.

    Maps (N, C, H, W) are averaged over H and W, tokens (N, T, D) over T. Maps with channels last
    (N, H, W, C) are known by their two equal sides in front.

    Examples
    --------
    >>> import torch
    >>> shapes = (2, 8, 4, 4), (2, 5, 3), (2, 4, 4, 8), (2, 7)
    >>> [tuple(pooled(torch.zeros(shape)).shape) for shape in shapes]
    [(2, 8), (2, 3), (2, 8), (2, 7)]
    """
    if end.dim() == 2:
        return end.cpu().double()
    shape = end.shape[1:]
    last = len(shape) == 2 or (len(shape) == 3 and shape[0] == shape[1] != shape[2])
    axes = list(range(1, end.dim() - 1)) if last else list(range(2, end.dim()))
    # float32 holds a mean over positions to 1e-7; sums over images are in float64
    return end.mean(axes).cpu().double()


def features_of(shape: tuple[int, ...]) -> int:
    """Return how many features a block's output of such a shape, without the batch, gives.

    Examples
    --------
    >>> features_of((8, 4, 4)), features_of((5, 3)), features_of((7,))
    (8, 3, 7)
    """
    if len(shape) == 2 or (len(shape) == 3 and shape[0] == shape[1] != shape[2]):
        return shape[-1]
    return shape[0]
