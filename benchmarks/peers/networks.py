"""A residual network as most public repositories write it: torchvision's blocks, in-place sums."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock

__all__ = ["WIDTHS", "CifarResNet", "built"]

WIDTHS = (16, 32, 64)


class CifarResNet(nn.Module):
    """ResNet-(6n + 2) for small images; ``out += identity`` and ReLU in place in every block.

    Attributes
    ----------
    block_names : list of str
        Paths of the blocks.
    """

    def __init__(self, n: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTHS[0], 3, padding=1, bias=False)
        self.bn1, self.relu = nn.BatchNorm2d(WIDTHS[0]), nn.ReLU(inplace=True)
        channels, self.block_names = WIDTHS[0], list[str]()
        for stage, width in enumerate(WIDTHS, start=1):
            blocks = nn.Sequential()
            for number in range(n):
                stride = 2 if stage > 1 and number == 0 else 1
                shortcut = None if stride == 1 else _projection(channels, width)
                blocks.append(BasicBlock(channels, width, stride, shortcut))
                self.block_names.append(f"layer{stage}.{number}")
                channels = width
            setattr(self, f"layer{stage}", blocks)
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(channels, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, 3, H, W)`` to logits ``(N, 10)``."""
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(torch.flatten(self.avgpool(x), 1))


def _projection(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, width, 1, stride=2, bias=False), nn.BatchNorm2d(width))


def built(name: str) -> CifarResNet:
    """Return resnet20, resnet56, ... in eval mode, with branches that keep activations finite."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = CifarResNet((int(name.removeprefix("resnet")) - 2) // 6).eval()
    for module in model.modules():
        if isinstance(module, BasicBlock):
            nn.init.constant_(module.bn2.weight, 0.3)
    return model
