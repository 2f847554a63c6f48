"""Networks of stages of blocks, plain and residual, for CIFAR and for ImageNet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from resprobe.networks.blocks import BlockDesign, PlainBlock, ResidualBlock
from resprobe.networks.options import Family, Initialisation, Shortcut
from resprobe.networks.orders import frame_layers, run
from resprobe.networks.scalars import Bias
from resprobe.networks.stochastic import StochasticDepth

__all__ = ["ResNet"]


class ResNet(nn.Module):
    """A stem, stages of blocks, global average pooling, one linear layer.

    Each stage has twice the channels of the one before it on maps of half the size. For
    CIFAR the stem is a 3x3 convolution; for ImageNet a 7x7 one and a 3x3 max-pooling, each with
    stride 2. With pre-activation the stem lacks what the first block begins with, which that
    block applies before its paths part, and the last block is followed by it. Modules have
    torchvision's names.

    Parameters
    ----------
    design : BlockDesign
        Of all blocks; without a shortcut the network is plain.
    stages : sequence of int
        Blocks per stage.
    family : Family
        Decides the stem.
    num_classes, in_channels, width : int
        Outputs, channels of the images, inner channels of the first stage (16 for CIFAR and 64
        for ImageNet in the papers).
    droppers : sequence of StochasticDepth or None
        For each block, what leaves its branch out in training; not looked at without a shortcut.

    References
    ----------
    He et al. 2015, tables 1 and 6; He et al. 2016, appendix.
    """

    def __init__(
        self,
        design: BlockDesign,
        *,
        stages: Sequence[int],
        family: Family,
        num_classes: int,
        in_channels: int,
        width: int,
        droppers: Sequence[StochasticDepth | None],
    ) -> None:
        super().__init__()
        frame = frame_layers(design.order, init=design.init)
        self.conv1 = _first_convolution(family, in_channels, width)
        for name in frame.stem[1:]:
            self.add_module(name, _frame_layer(name, width))
        if family is Family.IMAGENET:
            self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        waiting = iter(droppers)
        channels = width
        for stage, blocks in enumerate(stages):
            inner = width * 2**stage
            sizes = channels, inner
            layers = _stage(design, blocks, *sizes, number=stage, droppers=waiting)
            self.add_module(f"layer{stage + 1}", nn.Sequential(*layers))
            channels = inner * design.block.expansion
        for name in frame.tail:
            self.add_module(name, _frame_layer(name, channels))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.features = (
            *frame.stem,
            *(("maxpool",) if family is Family.IMAGENET else ()),
            *(f"layer{stage + 1}" for stage in range(len(stages))),
            *frame.tail,
            "avgpool",
        )
        self.head: tuple[str, ...] = ("fc",)
        if design.init is Initialisation.FIXUP:
            self.bias2 = Bias()
            self.head = ("bias2", "fc")
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map images ``(N, in_channels, H, W)`` to logits ``(N, num_classes)``."""
        return run(self, self.head, torch.flatten(run(self, self.features, x), 1))


def _first_convolution(family: Family, in_channels: int, width: int) -> nn.Conv2d:
    if family is Family.IMAGENET:
        return nn.Conv2d(in_channels, width, 7, stride=2, padding=3, bias=False)
    return nn.Conv2d(in_channels, width, 3, padding=1, bias=False)


def _frame_layer(name: str, channels: int) -> nn.Module:
    if name.startswith("bias"):
        return Bias()
    return nn.ReLU() if name == "relu" else nn.BatchNorm2d(channels)


def _stage(
    design: BlockDesign,
    blocks: int,
    in_channels: int,
    width: int,
    *,
    number: int,
    droppers: Iterator[StochasticDepth | None],
) -> Iterator[nn.Module]:
    """Yield the blocks of a stage, whose first halves the map, but not in the first stage."""
    for block in range(blocks):
        sizes = (in_channels if block == 0 else width * design.block.expansion, width)
        step = 2 if block == 0 and number > 0 else 1
        if design.shortcut is Shortcut.NONE:
            yield PlainBlock(*sizes, stride=step, design=design)
        else:
            yield ResidualBlock(
                *sizes,
                stride=step,
                design=design,
                is_first=block == number == 0,
                dropper=next(droppers),
            )
