"""What carries the input of a residual block past its branch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Gate", "ZeroPad", "option_a", "projection"]


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


def projection(in_channels: int, out_channels: int, *, stride: int, norm: bool) -> nn.Sequential:
    """Return the 1x1 convolution of options B and C, with BN where ``norm`` says so.

    References
    ----------
    He et al. 2015, section 3.3; the names ``0`` and ``1`` are torchvision's.
    """
    convolution = nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False)
    return nn.Sequential(convolution, *([nn.BatchNorm2d(out_channels)] if norm else []))


class Gate(nn.Module):
    """g(x) = sigmoid(W x + b), one value for every element of the branch, by a 1x1 convolution.

    Parameters
    ----------
    in_channels, out_channels, stride : int
        Of the block.
    bias : float
        Where every component of b begins; far below 0 the gate begins closed.

    References
    ----------
    He et al. 2016, "Identity Mappings in Deep Residual Networks", section 3.1.
    """

    def __init__(self, in_channels: int, out_channels: int, *, stride: int, bias: float) -> None:
        super().__init__()
        self.initial_bias = bias
        self.conv = nn.Conv2d(in_channels, out_channels, 1, stride=stride)

    @torch.no_grad()
    def reset_bias(self) -> None:
        """Begin afresh, but for the weights."""
        nn.init.constant_(self.get_parameter("conv.bias"), self.initial_bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C_in, H, W)`` to values in (0, 1) of the shape of the branch."""
        return torch.sigmoid(self.conv(x))
