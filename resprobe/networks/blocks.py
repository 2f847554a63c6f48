"""The two-layer blocks that the CIFAR networks are made of."""

from __future__ import annotations

from torch import Tensor, nn

from resprobe.networks.shortcuts import option_a

__all__ = ["BasicBlock", "PlainBlock"]


def conv3x3(in_channels: int, out_channels: int, *, stride: int = 1) -> nn.Conv2d:
    """Return a 3x3 convolution that keeps the map's size at stride 1; BN follows, so no bias."""
    return nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)


class PlainBlock(nn.Module):
    """Conv-BN-ReLU twice, without a shortcut; ``stride`` applies to the first convolution.

    References
    ----------
    He et al. 2015, section 4.2: the plain counterpart of the basic block.
    """

    def __init__(self, in_channels: int, out_channels: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(in_channels, out_channels, stride=stride)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.relu1 = nn.ReLU()
        self.conv2 = conv3x3(out_channels, out_channels)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C_in, H, W)`` to ``(N, C_out, H / stride, W / stride)``."""
        hidden: Tensor = self.relu1(self.bn1(self.conv1(x)))
        out: Tensor = self.relu2(self.bn2(self.conv2(hidden)))
        return out


class BasicBlock(PlainBlock):
    """``relu(F(x) + s(x))``: the layers of :class:`PlainBlock` around an option A shortcut.

    References
    ----------
    He et al. 2015, figure 2 and equation 1.
    """

    def __init__(self, in_channels: int, out_channels: int, *, stride: int) -> None:
        super().__init__(in_channels, out_channels, stride=stride)
        self.shortcut = option_a(in_channels, out_channels, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C_in, H, W)`` to ``(N, C_out, H / stride, W / stride)``."""
        hidden: Tensor = self.relu1(self.bn1(self.conv1(x)))
        out: Tensor = self.relu2(self.bn2(self.conv2(hidden)) + self.shortcut(x))
        return out
