"""Layers of a single number: fixed factors, learnt factors, learnt biases."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["Bias", "Factor", "Multiplier"]


class Factor(nn.Module):
    """Multiplies by a fixed number.

    Examples
    --------
    >>> Factor(0.5)(torch.ones(1)).item()
    0.5
    """

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Return ``factor * x``."""
        return x * self.factor

    def extra_repr(self) -> str:
        """Show the number in the printed module."""
        return f"factor={self.factor:g}"


class Multiplier(nn.Module):
    """Multiplies by a learnt number, which is ``initial`` at first: one parameter, ``scale``."""

    def __init__(self, initial: float) -> None:
        super().__init__()
        self.initial = initial
        self.scale = nn.Parameter(torch.empty(1))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Begin afresh."""
        self.scale.fill_(self.initial)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``scale * x``."""
        return x * self.scale


class Bias(nn.Module):
    """Adds a learnt number, which is 0 at first: one parameter, ``bias``."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.empty(1))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Begin afresh."""
        self.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x + bias``."""
        return x + self.bias
