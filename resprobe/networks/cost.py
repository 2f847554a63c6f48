"""How large a network is and what one forward pass costs."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

__all__ = ["count_parameters", "multiply_adds"]


def count_parameters(module: nn.Module) -> int:
    """Return the number of trainable values, each shared one counted once."""
    return sum(parameter.numel() for parameter in module.parameters())


def multiply_adds(module: nn.Module, example: Tensor) -> int:
    """Return the multiply-adds of one forward pass over the whole of ``example``.

    Convolutions, linear layers and matrix products are counted; normalisation, activations,
    pooling, sums and biases are not. This is what He et al. 2015 call FLOPs. Works on the
    ``meta`` device, where nothing is computed.

    Examples
    --------
    >>> multiply_adds(nn.Linear(64, 10), torch.empty(1, 64))
    640
    """
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(example)
    return int(counter.get_total_flops()) // 2
