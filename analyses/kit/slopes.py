"""How the derivative of a network changes along a line of inputs."""

from __future__ import annotations

import torch
from torch import nn

from resprobe import Batches

__all__ = ["slopes_of", "with_lag"]


def with_lag(values: torch.Tensor, lag: int) -> float:
    """Return the autocorrelation of a series at a lag, over its whole sum of squares."""
    centred = values - values.mean()
    shared = centred[lag:] * centred[: len(centred) - lag]
    return float(shared.sum()) / float(centred.square().sum())


def slopes_of(network: nn.Module, data: Batches) -> torch.Tensor:
    """Return df/dx at every point, the statistics of BN taken for constants."""
    ((x, _),) = data
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.momentum = 1.0
    with torch.no_grad():
        network.train()(x)
    leaf = x.clone().requires_grad_()
    (slopes,) = torch.autograd.grad(network.eval()(leaf).sum(), leaf)
    return slopes.flatten().double()
