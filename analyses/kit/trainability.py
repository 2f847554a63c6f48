"""Which deep fully connected networks learn anything in some steps."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import pandas as pd
import torch
import torch.nn.functional as F
from kit.draws import tabled
from kit.fully_connected import Design, FullyConnected
from kit.subjects import once

from resprobe import Batches, load_data
from resprobe.results import Result

__all__ = ["METHODS", "best", "trained_networks"]

METHODS = {
    "plain, BN": Design(residual=False),
    "residual, BN": Design(),
    "residual, no BN": Design(norm=False),
    "(x + F) / sqrt 2": Design(norm=False, shortcut=math.sqrt(0.5), scale=math.sqrt(0.5)),
    "SkipInit": Design(norm=False, multiplier=0.0),
    "Fixup": Design(norm=False, fixup=True),
}
PARTS = 10


def trained_networks(train: Mapping[int, Sequence[str]], asked: argparse.Namespace) -> Result:
    """Train methods at several depths with every rate, as often as there are draws.

    ``train`` has the methods of each depth; ``asked`` has ``rates``, ``train_draws``, ``width``,
    ``steps`` and ``parts``, the folder where what is trained is kept.

    Returns
    -------
    Result
        ``network, depth, rate, draw, step, loss``: the mean training loss of each tenth of the
        steps, in nats; inf from where it is not finite.
    """
    images = load_data("embedded", split="train")
    data = Batches(images, images.normalisation, 64)

    def trained(name: str, depth: int) -> Result:
        rows = [
            {"network": name, "depth": depth, "rate": rate, "draw": draw, **part}
            for rate in asked.rates
            for draw in range(asked.train_draws)
            for part in _losses(_network(name, depth, draw, data, asked), rate, draw, data, asked)
        ]
        return tabled("training", rows, data)

    found = [
        once(asked.parts / f"training-{depth}-{list(METHODS).index(name)}",
             partial(trained, name, depth))
        for depth, names in train.items()
        for name in names
    ]  # fmt: skip
    setting = [f"fully connected, width {asked.width}", f"{asked.train_draws} draws",
               f"best of {len(asked.rates)} rates"]  # fmt: skip
    rows = pd.concat([one.frame for one in found], ignore_index=True).to_dict("records")
    return tabled("training", rows, data, setting=setting)


def _network(
    name: str, depth: int, draw: int, data: Batches, asked: argparse.Namespace
) -> FullyConnected:
    pixels = math.prod(data.shape)
    return FullyConnected(asked.width, depth, seed=draw, design=METHODS[name], inputs=pixels)


def _losses(
    network: FullyConnected, rate: float, draw: int, data: Batches, asked: argparse.Namespace
) -> Iterator[dict[str, float]]:
    network.train()
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


def best(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of each network's rate with the lowest mean loss at the end, by depth."""
    keys = ["network", "depth"]
    last = frame[frame["step"] == frame["step"].max()]
    means = last.groupby([*keys, "rate"], sort=False)["loss"].mean().reset_index()
    rates = means.loc[means.groupby(keys, sort=False)["loss"].idxmin()]
    return frame.merge(rates[[*keys, "rate"]], on=[*keys, "rate"])
