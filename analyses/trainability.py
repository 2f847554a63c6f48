"""Which deep networks learn anything in a hundred steps."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator

import pandas as pd
import torch
import torch.nn.functional as F
from fully_connected import Design, FullyConnected

from resprobe import Batches, load_data
from resprobe.results import Result, versions

__all__ = ["METHODS", "trained_networks"]

METHODS = {
    "plain, BN": Design(residual=False),
    "residual, BN": Design(),
    "residual, no BN": Design(norm=False),
    "(x + F) / sqrt 2": Design(norm=False, shortcut=math.sqrt(0.5), scale=math.sqrt(0.5)),
    "SkipInit": Design(norm=False, multiplier=0.0),
    "Fixup": Design(norm=False, fixup=True),
}
PARTS = 10


def trained_networks(asked: argparse.Namespace) -> Result:
    """Train every network with every rate, as often as there are draws.

    Returns
    -------
    Result
        ``network, depth, rate, draw, step, loss``: the mean training loss of each tenth of the
        steps, in nats; inf from where it is not finite.
    """
    images = load_data("embedded", split="train")
    data = Batches(images, images.normalisation, 64)
    rows = [
        {"network": name, "depth": asked.train_blocks, "rate": rate, "draw": draw, **part}
        for name in METHODS
        for rate in asked.rates
        for draw in range(asked.train_draws)
        for part in _losses(name, rate, draw, data, asked)
    ]
    meta = {**versions(), "seed": 0, "data": data.describe()}
    return Result("initialisation-training", pd.DataFrame(rows), meta)


def _losses(
    name: str, rate: float, draw: int, data: Batches, asked: argparse.Namespace
) -> Iterator[dict[str, float]]:
    pixels = math.prod(data.shape)
    network = FullyConnected(
        asked.train_width, asked.train_blocks, seed=draw, design=METHODS[name], inputs=pixels
    ).train()
    optimiser = torch.optim.SGD(network.parameters(), lr=rate, momentum=0.9)
    generator = torch.Generator().manual_seed(draw)
    x, y = (torch.cat(parts) for parts in zip(*data, strict=True))
    losses: list[float] = []
    for _ in range(asked.steps):
        batch = torch.randint(0, len(y), (64,), generator=generator)
        loss = F.cross_entropy(network(x[batch]), y[batch])
        if not bool(loss.isfinite()):
            break
        losses.append(float(loss.detach()))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    losses += [math.inf] * (asked.steps - len(losses))
    size = -(-asked.steps // PARTS)
    for begin in range(0, asked.steps, size):
        part = losses[begin : begin + size]
        yield {"step": begin + len(part), "loss": sum(part) / len(part)}
