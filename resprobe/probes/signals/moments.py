"""Mean and variance of each channel of a tensor, fast and in float64."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["moments_of"]

_CANCELLING = 1e-2  # a variance below this share of the mean square is summed in two passes
_SAFE = 1e-30, 1e30  # squares beyond are near the ends of float32's range


def moments_of(tensor: Tensor, *, channel: int) -> tuple[Tensor, Tensor]:
    """Return mean and variance (of the population) of each channel, in float64 on the CPU.

    Sums of float32 squares err by some 1e-7 and are many times faster than a variance in two
    passes, which is taken where they would cancel or leave float32's range.

    Parameters
    ----------
    tensor : Tensor
        (N, ...); images and positions are pooled.
    channel : int
        The axis that is not.

    Examples
    --------
    >>> mean, variance = moments_of(torch.tensor([[1.0, 5.0], [3.0, 5.0]]), channel=1)
    >>> mean.tolist(), variance.tolist()
    ([2.0, 5.0], [1.0, 0.0])
    """
    inner = [axis for axis in range(1, tensor.dim()) if axis != channel]
    if not inner:
        return _in_two_passes(tensor, [0])
    positions = tensor[0].numel() // tensor.shape[channel]
    means = tensor.mean(inner).cpu().double()
    squares = torch.linalg.vector_norm(tensor, dim=inner).cpu().double().square() / positions
    mean, square = means.mean(0), squares.mean(0)
    variance = square - mean.square()
    exact = (variance >= _CANCELLING * square) & (square < _SAFE[1])
    exact &= (square > _SAFE[0]) | (square == 0)
    if not bool(exact.all()):
        return _in_two_passes(tensor, [0, *inner])
    return mean, variance


def _in_two_passes(tensor: Tensor, axes: list[int]) -> tuple[Tensor, Tensor]:
    variance, mean = torch.var_mean(tensor.cpu().double(), dim=axes, correction=0)
    return mean, variance
