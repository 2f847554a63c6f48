"""How images and weights lie in memory."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["memory_format"]


def memory_format(model: nn.Module, device: torch.device) -> torch.memory_format:
    """Return how images and weights lie in memory where a network runs: channels last, for speed.

    But for networks on a CPU with a strided 1x1 convolution of fewer than 16 channels: torch's
    backward pass of it (2.14, maps of 56x56 and more) writes where it must not if channels are
    last.
    """
    narrow = any(
        isinstance(module, nn.Conv2d)
        and module.kernel_size == (1, 1)
        and max(module.stride) > 1
        and module.in_channels < 16
        for module in model.modules()
    )
    return torch.contiguous_format if narrow and device.type == "cpu" else torch.channels_last
