"""What one block is given and adds to it, batch after batch."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from resprobe.chain import Passage, ResidualBlock
from resprobe.probes.channels import channel_axis
from resprobe.probes.signals.moments import moments_of
from resprobe.streams import Moments

__all__ = ["BlockVariances", "ChannelMoments"]


class ChannelMoments:
    """Second moment and variance over images and positions, then the mean over channels.

    Kept are three numbers for each channel.
    """

    def __init__(self) -> None:
        self._moments: Moments | None = None

    def add(self, tensor: Tensor) -> None:
        """Take a tensor of some images."""
        channel = channel_axis(tensor.shape)
        mean, variance = moments_of(tensor.detach(), channel=channel)
        if self._moments is None:
            self._moments = Moments(len(mean))
        count = tensor.numel() // len(mean)
        self._moments.merge(count, mean.numpy(), (variance * count).numpy())

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
        if passed.shortcut is passed.start:
            self.shortcut = self.start  # an identity: the same numbers
        else:
            self.shortcut.add(shortcut)
        self.branch.add(passed.branch.expand_as(passed.total))
        low, high = torch.aminmax(passed.end - passed.step.after(shortcut))
        gap = max(0.0, -float(low), float(high)) if low <= high else math.nan
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
