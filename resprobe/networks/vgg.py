"""Networks without shortcuts whose every layer is a block: VGG."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from resprobe.networks.options import Family
from resprobe.networks.orders import run

__all__ = ["VGG", "Layer", "layer_sizes"]


def layer_sizes(
    depth: int, *, family: Family, in_channels: int, width: int
) -> tuple[list[list[tuple[int, int]]], list[tuple[int, int]]]:
    """Return what goes into and comes out of each layer: convolutions by group, hidden linear.

    Examples
    --------
    >>> groups, hidden = layer_sizes(15, family=Family.CIFAR, in_channels=3, width=64)
    >>> groups[0], hidden
    ([(3, 64), (64, 64)], [(512, 512)])
    """
    convolutions = 4 if depth == 19 else 3
    groups, channels = list[list[tuple[int, int]]](), in_channels
    for factor, count in zip((1, 2, 4, 8, 8), (2, 2, *[convolutions] * 3), strict=True):
        groups.append([])
        for _ in range(count):
            groups[-1].append((channels, factor * width))
            channels = factor * width
    if family is Family.CIFAR:
        return groups, [(channels, 8 * width)]
    return groups, [(channels * 7**2, 64 * width), (64 * width, 64 * width)]


class Layer(nn.Module):
    """A convolution or linear layer with its BN, if any, and its ReLU.

    Parameters
    ----------
    weighted : nn.Conv2d or nn.Linear
        Becomes ``conv`` or ``linear``.
    norm : bool
        Whether BN follows.
    """

    def __init__(self, weighted: nn.Conv2d | nn.Linear, *, norm: bool) -> None:
        super().__init__()
        is_convolution = isinstance(weighted, nn.Conv2d)
        name = "conv" if is_convolution else "linear"
        self.add_module(name, weighted)
        if norm:
            outputs = weighted.weight.shape[0]
            self.bn = nn.BatchNorm2d(outputs) if is_convolution else nn.BatchNorm1d(outputs)
        self.relu = nn.ReLU()
        self.names = (name, *(("bn",) if norm else ()), "relu")

    @property
    def weighted(self) -> nn.Module:
        """The convolution or linear layer."""
        return self.get_submodule(self.names[0])

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C_in, H, W)`` to ``(N, C_out, H, W)``, or ``(N, C_in)`` to ``(N, C_out)``."""
        return run(self, self.names, x)


class VGG(nn.Module):
    """Five groups of 3x3 convolutions with a max-pooling after each, then linear layers.

    Groups have w, 2w, 4w, 8w and 8w channels, w being ``width``. The ImageNet networks end in
    two hidden linear layers of 64w on a map that is pooled to 7x7, the 15-layer CIFAR network in
    one of 8w with BN. Pooling keeps the odd row and column at the border, so that small images
    reach the end; at 32 and 224 pixels there is none. Each weighted layer is a
    :class:`Layer`, pooling lies outside, so that layers can be looked at and left out one by
    one.

    Parameters
    ----------
    depth : int
        Weighted layers: 15, 16 or 19.
    family : Family
        Decides the linear layers.
    norm : bool
        Whether BN follows every layer but the last; for ImageNet, every convolution.
    num_classes, in_channels, width : int
        Outputs, channels of the images, channels of the first group (64 in the paper).
    dropout : float
        Rate behind every hidden linear layer. The published networks have 0.5 for ImageNet; 0
        leaves it out.

    References
    ----------
    Simonyan and Zisserman 2015, table 1, D and E. The CIFAR network is the one that Veit et
    al. 2016 compare with: D with one linear layer fewer, and batch normalisation.
    """

    def __init__(
        self,
        depth: int,
        *,
        family: Family,
        norm: bool,
        num_classes: int,
        in_channels: int,
        width: int,
        dropout: float,
    ) -> None:
        super().__init__()
        is_cifar = family is Family.CIFAR
        groups, hidden = layer_sizes(depth, family=family, in_channels=in_channels, width=width)
        layers: list[nn.Module] = []
        for group in groups:
            layers.extend(Layer(nn.Conv2d(*sizes, 3, padding=1), norm=norm) for sizes in group)
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1 if is_cifar else 7)
        linear: list[nn.Module] = []
        for sizes in hidden:
            linear.append(Layer(nn.Linear(*sizes), norm=norm and is_cifar))
            linear.extend([nn.Dropout(dropout)] if dropout else [])
        self.classifier = nn.Sequential(*linear)
        self.fc = nn.Linear(hidden[-1][1], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map images ``(N, in_channels, H, W)`` to logits ``(N, num_classes)``."""
        hidden = torch.flatten(self.avgpool(self.features(x)), 1)
        logits: Tensor = self.fc(self.classifier(hidden))
        return logits
