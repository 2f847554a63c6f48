"""How the values of a network begin."""

from __future__ import annotations

import torch
from torch import nn

from resprobe.networks.blocks import ResidualBlock
from resprobe.networks.options import Initialisation
from resprobe.networks.scalars import Bias, Multiplier
from resprobe.networks.shortcuts import Gate
from resprobe.networks.vgg import Layer

__all__ = ["initialise"]


@torch.no_grad()
def initialise(network: nn.Module, *, init: Initialisation, generator: torch.Generator) -> None:
    """Set every parameter and buffer afresh.

    Convolutions draw from N(0, 2 / fan_in), linear layers from the same where a ReLU follows
    and from N(0, 1 / fan_in) where none does; biases are 0, and BN starts with scale 1, shift
    0, mean 0, variance 1. On top of that the chosen initialisation makes every branch of a
    residual network 0, so that a block begins as its shortcut:

    - zero-BN: the scale of the BN that ends the branch is 0;
    - SkipInit: the multiplier that ends the branch is 0;
    - Fixup: the last convolution of the branch and the classifier are 0; the other
      convolutions of a branch with m of them are multiplied by L^(-1 / (2m - 2)), with L
      branches in the network; multipliers are 1.

    Parameters
    ----------
    network : nn.Module
        Built by this package, on the CPU.
    init : Initialisation
        The one that the network was built for.
    generator : torch.Generator
        All that is random comes from it.

    References
    ----------
    He et al. 2015, "Delving Deep into Rectifiers", equation 10; Goyal et al. 2017,
    section 5.1; De and Smith 2020, section 4; Zhang et al. 2019, section 3.
    """
    _by_layer(network, generator)
    residual = [module for module in network.modules() if isinstance(module, ResidualBlock)]
    blocks = [block for block in residual if block.has_branch]
    if init is Initialisation.ZERO_BN:
        for block in blocks:
            nn.init.zeros_(block.get_parameter(f"bn{block.convolutions}.weight"))
    elif init is Initialisation.FIXUP:
        for block in blocks:
            weights = [
                block.get_parameter(f"conv{i + 1}.weight") for i in range(block.convolutions)
            ]
            for weight in weights[:-1]:
                weight.mul_(len(blocks) ** (-1 / (2 * len(weights) - 2)))
            nn.init.zeros_(weights[-1])
        nn.init.zeros_(network.get_parameter("fc.weight"))


def _by_layer(network: nn.Module, generator: torch.Generator) -> None:
    modules = list(network.modules())
    rectified = {module.weighted for module in modules if isinstance(module, Layer)}
    for module in modules:
        if isinstance(module, nn.Conv2d | nn.Linear):
            if isinstance(module, nn.Conv2d) or module in rectified:
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            else:
                nn.init.kaiming_normal_(module.weight, nonlinearity="linear", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.modules.batchnorm._BatchNorm | Multiplier | Bias):
            module.reset_parameters()
    for module in modules:  # after their convolutions
        if isinstance(module, Gate):
            module.reset_bias()
