"""The CIFAR networks of He et al. 2015: three stages of n blocks, 6n+2 weighted layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from resprobe.networks.blocks import BasicBlock, PlainBlock, conv3x3

__all__ = ["CifarNet", "he_initialise"]


class CifarNet(nn.Module):
    """A 3x3 stem, three stages of ``n`` blocks, global average pooling, one linear layer.

    The stages have ``width``, ``2 * width`` and ``4 * width`` channels on maps of full, half
    and quarter size; the first block of the second and third stage has stride 2.

    Parameters
    ----------
    block : type
        :class:`~resprobe.networks.blocks.BasicBlock` for a residual network,
        :class:`~resprobe.networks.blocks.PlainBlock` for its plain counterpart.
    n : int
        Blocks per stage, at least 1.
    num_classes, in_channels, width : int
        Outputs, channels of the images, channels of the first stage (16 in the paper).

    References
    ----------
    He et al. 2015, section 4.2 and table 6.
    """

    def __init__(
        self,
        block: type[BasicBlock] | type[PlainBlock],
        n: int,
        *,
        num_classes: int,
        in_channels: int,
        width: int,
    ) -> None:
        super().__init__()
        self.conv1 = conv3x3(in_channels, width)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.layer1 = _stage(block, n, width, width, stride=1)
        self.layer2 = _stage(block, n, width, 2 * width, stride=2)
        self.layer3 = _stage(block, n, 2 * width, 4 * width, stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(4 * width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map images ``(N, in_channels, H, W)`` to logits ``(N, num_classes)``."""
        hidden = self.relu(self.bn1(self.conv1(x)))
        hidden = self.layer3(self.layer2(self.layer1(hidden)))
        logits: Tensor = self.fc(torch.flatten(self.avgpool(hidden), 1))
        return logits


def _stage(
    block: type[BasicBlock] | type[PlainBlock],
    n: int,
    in_channels: int,
    channels: int,
    *,
    stride: int,
) -> nn.Sequential:
    first = block(in_channels, channels, stride=stride)
    return nn.Sequential(first, *(block(channels, channels, stride=1) for _ in range(n - 1)))


@torch.no_grad()
def he_initialise(network: nn.Module, *, generator: torch.Generator) -> None:
    """Set every parameter and buffer afresh: He-normal convolutions, BN as the identity.

    Convolutions draw from N(0, 2 / fan_in). The linear layer, which no ReLU follows, draws
    from N(0, 1 / fan_in), with biases 0. BN starts with scale 1, shift 0, mean 0, variance 1.

    References
    ----------
    He et al. 2015, "Delving Deep into Rectifiers", equation 10.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
        elif isinstance(module, nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="linear", generator=generator)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
