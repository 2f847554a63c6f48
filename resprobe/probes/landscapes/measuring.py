"""Loss and error of a network at one place near its weights, which are never written on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call

from resprobe.chain import Chain
from resprobe.datasets import Batches
from resprobe.probes.landscapes.directions import Direction

__all__ = ["COUNTS", "measured", "moved"]

COUNTS = ("loss", "loss_squared", "correct")
"""What is summed over images at each place."""


def moved(chain: Chain, ways: Sequence[Direction], steps: Sequence[float]) -> dict[str, Tensor]:
    """Return the parameters at a place; at the centre the network's own."""
    parameters: dict[str, Tensor] = {name: p.detach() for name, p in chain.named_parameters()}
    for way, step in zip(ways, steps, strict=True):
        if step:
            for name, direction in way.items():
                parameters[name] = parameters[name] + step * direction
    return parameters


def measured(
    chain: Chain, data: Batches, ways: Sequence[Direction], steps: Sequence[float]
) -> Tensor:
    """Return the sums of :data:`COUNTS` over all images, in float64.

    Cross entropy is taken in float64. An answer that is not finite is wrong, and makes the loss
    infinite or NaN. Call in eval mode, under ``torch.inference_mode()``.
    """
    parameters = moved(chain, ways, steps)
    sums = torch.zeros(len(COUNTS), dtype=torch.float64)
    for x, y in data:
        logits: Tensor = functional_call(chain, parameters, (x,)).double()
        losses = F.cross_entropy(logits, y, reduction="none")
        right = (logits.argmax(1) == y) & logits.isfinite().all(1)
        sums += torch.stack([losses.sum(), losses.square().sum(), right.sum()]).cpu()
    return sums
