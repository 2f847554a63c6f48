"""Mean and variance of what passes through a block, channel by channel, batch after batch."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from resprobe.chain import Passage, ResidualBlock
from resprobe.streams import Moments

__all__ = ["BlockVariances", "ChannelMoments", "by_channel"]

_SAFE = 1e-30, 1e30  # variances beyond are near the ends of float32's range


def by_channel(tensor: Tensor) -> Tensor:
    """Lay a block's tensor out as (channels, all the rest).

    Maps are (N, C, H, W), tokens (N, T, C). Maps with channels last (N, H, W, C) are known by
    their two equal sides in front.

    Examples
    --------
    >>> shapes = (2, 8, 4, 4), (2, 5, 3), (2, 4, 4, 8), (2, 7)
    >>> [tuple(by_channel(torch.zeros(shape)).shape) for shape in shapes]
    [(8, 32), (3, 10), (8, 32), (7, 2)]
    """
    shape = tensor.shape[1:]
    last = len(shape) == 2 or (len(shape) == 3 and shape[0] == shape[1] != shape[2])
    return tensor.movedim(-1 if last else 1, 0).flatten(1)


class ChannelMoments:
    """Second moment and variance over images and positions, then the mean over channels.

    Kept are three numbers for each channel.
    """

    def __init__(self) -> None:
        self._moments: Moments | None = None

    def add(self, tensor: Tensor) -> None:
        """Take a tensor of some images."""
        rows = by_channel(tensor.detach())
        variance, mean = torch.var_mean(rows, dim=1, correction=0)
        if not _SAFE[0] < float(variance.max()) < _SAFE[1]:
            variance, mean = torch.var_mean(rows.cpu().double(), dim=1, correction=0)
        variance, mean = variance.cpu().double(), mean.cpu().double()
        if self._moments is None:
            self._moments = Moments(len(rows))
        self._moments.merge(rows.shape[1], mean.numpy(), (variance * rows.shape[1]).numpy())

    @property
    def variance(self) -> float:
        """The variance, (activation)^2."""
        assert self._moments is not None
        return float(self._moments.variance(ddof=0).mean())

    @property
    def second_moment(self) -> float:
        """The mean square, (activation)^2."""
        assert self._moments is not None
        return float((self._moments.variance(ddof=0) + self._moments.mean**2).mean())


class BlockVariances:
    """What one block is given, what its branch adds, and by how much it misses its shortcut."""

    def __init__(self) -> None:
        self.start, self.shortcut, self.branch = (ChannelMoments() for _ in range(3))
        self.branch_max: float | None = None

    @torch.no_grad()
    def see(self, passed: Passage) -> None:
        """Take the block's pass of one batch."""
        self.start.add(passed.start)
        if passed.shortcut is None or passed.branch is None or passed.total is None:
            return
        assert isinstance(passed.step, ResidualBlock)
        shortcut = passed.shortcut.expand_as(passed.total)
        self.shortcut.add(shortcut)
        self.branch.add(passed.branch.expand_as(passed.total))
        gap = float((passed.end - passed.step.after(shortcut)).abs().max())
        larger = self.branch_max is None or math.isnan(gap) or gap > self.branch_max
        self.branch_max = gap if larger else self.branch_max

    def figures(self) -> dict[str, float]:
        """Return the block's figures; NaN for those of a branch where there is none."""
        shortcut = branch = share = math.nan
        if self.branch_max is not None:
            shortcut, branch = self.shortcut.variance, self.branch.variance
            share = branch / shortcut if shortcut else (math.inf if branch else math.nan)
        return {
            "second_moment": self.start.second_moment,
            "variance": self.start.variance,
            "shortcut_variance": shortcut,
            "branch_variance": branch,
            "branch_share": share,
            "branch_max": math.nan if self.branch_max is None else self.branch_max,
        }
