"""What carries the input of a residual block past its branch."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ZeroPad", "option_a"]


class ZeroPad(nn.Module):
    """Option A where shapes change: take every ``stride``-th position, pad channels with zeros.

    The new channels are split before and after the old ones, half each, as in the widely
    used CIFAR weights; the paper does not say where they go, and a network that is trained
    with either order computes the same functions.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of the input and of the output, ``out_channels >= in_channels``.
    stride : int
        Step between the positions that are kept, in both directions.

    References
    ----------
    He et al. 2015, "Deep Residual Learning for Image Recognition", section 3.3, option A.

    Examples
    --------
    >>> import torch
    >>> ZeroPad(2, 4, stride=2)(torch.ones(1, 2, 4, 4))[0, :, 0, 0].tolist()
    [0.0, 1.0, 1.0, 0.0]
    """

    def __init__(self, in_channels: int, out_channels: int, *, stride: int) -> None:
        super().__init__()
        added = out_channels - in_channels
        if added < 0:
            raise ValueError(
                f"option A can only widen; got {in_channels} to {out_channels} channels"
            )
        self.before, self.after = added // 2, added - added // 2
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C_in, H, W)`` to ``(N, C_out, ceil(H / stride), ceil(W / stride))``."""
        kept = x[:, :, :: self.stride, :: self.stride]
        return F.pad(kept, (0, 0, 0, 0, self.before, self.after))

    def extra_repr(self) -> str:
        """Show the sizes in the printed module."""
        return f"stride={self.stride}, channels_before={self.before}, channels_after={self.after}"


def option_a(in_channels: int, out_channels: int, *, stride: int) -> nn.Module:
    """Return the parameter-free shortcut: the identity, or :class:`ZeroPad` where shapes change."""
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return ZeroPad(in_channels, out_channels, stride=stride)
