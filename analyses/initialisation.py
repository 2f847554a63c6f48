"""Signals in networks whose weights were just drawn: the laws of theory, measured.

Question  Does BN make branches small at initialisation, and gradients of plain networks explode?
          Do gradients shatter, and do shortcuts keep them? What passes unchanged along shortcuts?
          Do blocks that begin as identities make networks trainable that are not else?
Command   python analyses/initialisation.py
          No trained network is needed. What is measured is kept in OUT/parts.
Cost      10 to 15 minutes on one core of a server CPU. --smoke takes seconds.
Source    De and Smith 2020; Yang et al. 2019; Balduzzi et al. 2017; He et al. 2016, section 2 and
          Table 1; Zhang et al. 2019; Goyal et al. 2017, section 5.1. The laws that are not in the
          papers are derived in resprobe.probes.signals.gradient_laws.
"""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

import pandas as pd
import torch
from fully_connected import Design, FullyConnected, grid, noise
from initialisation_claims import claims
from initialisation_figures import draw
from script import Theme
from subjects import once
from torch import nn
from trainability import trained_networks

from resprobe import Architecture, Batches, Chain, gradflow, initialisation, load_data, unravel
from resprobe.chain import left_as_found, pass_through
from resprobe.probes.signals.gradient_laws import scaled_shortcut
from resprobe.results import Result, combined, versions

KINDS = ("depth", "growth", "shattering", "grid", "direct", "identities", "training")
RESIDUAL, PLAIN = "residual, BN", "plain, BN"
DESIGNS = {
    RESIDUAL: Design(),
    "residual, no BN": Design(norm=False),
    PLAIN: Design(residual=False),
    "residual, BN, 0.1 F": Design(scale=0.1),
}


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Measure every kind that is not measured yet."""
    work = {
        "depth": depth,
        "growth": growth,
        "shattering": shattering,
        "grid": autocorrelation,
        "direct": direct,
        "identities": identities,
        "training": trained_networks,
    }
    return {kind: once(asked.out / "parts" / kind, partial(work[kind], asked)) for kind in KINDS}


def depth(asked: argparse.Namespace) -> Result:
    """Follow variances and gradients through wide networks with and without BN."""
    data = noise(asked.width, asked.batch)
    return combined(
        [
            initialisation(
                lambda seed, d=DESIGNS[name]: FullyConnected(
                    asked.width, asked.depth, seed=seed, design=d
                ).chain(data),
                data, draws=asked.draws, network=name,
            )
            for name in (RESIDUAL, "residual, no BN")
        ]
    )  # fmt: skip


def growth(asked: argparse.Namespace) -> Result:
    """Measure the factor per layer of the loss's gradient, draw by draw."""
    data = noise(asked.width, asked.batch)
    rows = []
    for name in (PLAIN, RESIDUAL):
        for seed in range(asked.draws):
            network = FullyConnected(asked.width, asked.layers, seed=seed, design=DESIGNS[name])
            flow = gradflow(network.chain(data), data, batch_norm="batch", identity=False)
            factor = flow.blocks.meta["networks"][0]["growth"]["factor"]
            rows.append({"network": name, "depth": asked.layers, "draw": seed, "factor": factor})
    return tabled("growth", rows, data)


def shattering(asked: argparse.Namespace) -> Result:
    """Measure how alike the gradients of different inputs are, for networks of many depths."""
    data, rows = noise(asked.units, asked.inputs), []
    for name, design in DESIGNS.items():
        for blocks in asked.depths:
            for seed in range(asked.draws):
                network = FullyConnected(asked.units, blocks, seed=seed, design=design)
                found = initialisation(network.chain(data), data)
                rows.append(
                    {"network": name, "depth": blocks, "draw": seed,
                     "correlation": found.meta["networks"][0]["input_correlation"],
                     "law_from_shares": float(found.frame["gradient_correlation_law"].iloc[0])}
                )  # fmt: skip
    return tabled("shattering", rows, data)


def autocorrelation(asked: argparse.Namespace) -> Result:
    """Correlate df/dx of a function of one number with itself, some grid points further."""
    data, rows = grid(), []
    for name in (PLAIN, RESIDUAL):
        for layers in asked.grid_depths:
            for seed in range(asked.draws):
                # the stem has the first hidden layer, and its biases the kinks along the axis
                network = FullyConnected(
                    asked.units, layers - 1, seed=seed, design=DESIGNS[name], inputs=1, outputs=1
                )
                slopes = _slopes(network, data)
                for lag in asked.lags:
                    centred = slopes - slopes.mean()
                    of = float((centred[lag:] * centred[: len(centred) - lag]).sum())
                    rows.append(
                        {"network": name, "depth": layers, "draw": seed, "lag": lag,
                         "autocorrelation": of / float(centred.square().sum())}
                    )  # fmt: skip
    return tabled("grid", rows, data)


def _slopes(network: nn.Module, data: Batches) -> torch.Tensor:
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


def direct(asked: argparse.Namespace) -> Result:
    """Measure what passes along the shortcuts alone, forward and back."""
    images = _images(asked)
    rows: list[dict[str, Any]] = []
    for name in (f"preresnet{asked.conv_depth}", f"resnet{asked.conv_depth}"):
        gaps = [_gap(Architecture(name, in_channels=1, width=8).build(seed=seed).double(), images)
                for seed in range(asked.draws)]  # fmt: skip
        rows += [{"network": name, "quantity": "gap", "draw": i, "value": gap}
                 for i, gap in enumerate(gaps)]  # fmt: skip
        for seed in range(asked.draws):
            model = Architecture(name, in_channels=1, width=8).build(seed=seed)
            flow = gradflow(unravel(model, images.example()), images, batch_norm="batch").blocks
            last = flow.frame[flow.frame["stage"] == 3].iloc[1:]
            rows.append({"network": name, "quantity": "gain", "draw": seed,
                         "value": float(last["identity_gain"].iloc[0])})  # fmt: skip
    data = noise(asked.units, asked.inputs)
    for factor in (0.5, 0.9, 1.0):
        for seed in range(asked.draws):
            design = Design(shortcut=factor)
            chain = FullyConnected(asked.units, asked.shortcuts, seed=seed, design=design).chain(
                data
            )
            flow = gradflow(chain, data, batch_norm="batch").blocks
            found = float(flow.frame["identity_gain"].iloc[0])
            rows.append({"network": f"shortcut times {factor}", "quantity": "gain", "draw": seed,
                         "value": found})  # fmt: skip
    return tabled("direct", rows, images, blocks=asked.shortcuts,
                  law=scaled_shortcut(0.5, asked.shortcuts))  # fmt: skip


def _gap(model: nn.Module, images: Batches) -> float:
    """Return the largest |x_L - x_l - sum of F| over a stage's identity blocks, over max |x_L|."""
    x = torch.cat([x for x, _ in images]).double()
    chain = unravel(model, x[:1])
    return max(_gap_of_stage(chain, x, stage) for stage in {b.stage for b in chain.blocks})


def _gap_of_stage(chain: Chain, x: torch.Tensor, stage: int) -> float:
    seen: list[tuple[torch.Tensor, ...]] = []

    def see(passed: Any) -> None:
        if passed.step.stage == stage and passed.step.kind == "identity":
            seen.append((passed.start, passed.branch, passed.end))

    with left_as_found(chain, training=True), torch.no_grad():
        pass_through(chain, x, see)
    total = seen[0][0] + sum(branch for _, branch, _ in seen)
    return float((seen[-1][2] - total).abs().max() / seen[-1][2].abs().max())


def identities(asked: argparse.Namespace) -> Result:
    """Compare blocks with their shortcuts under each initialisation."""
    images, name = _images(asked), asked.identity_network
    return combined(
        [
            initialisation(
                lambda seed, i=init: unravel(
                    Architecture(name, in_channels=1, width=4, init=i).build(seed=seed),
                    images.example(),
                ),
                images, draws=asked.draws, network=f"{name}, {init}",
            )
            for init in ("he", "zero-bn", "skipinit", "fixup")
        ]
    )  # fmt: skip


def _images(asked: argparse.Namespace) -> Batches:
    images = load_data("embedded", split="test").subset(asked.images)
    return Batches(images, images.normalisation, asked.images)


def tabled(name: str, rows: list[dict[str, Any]], data: Batches, **more: object) -> Result:
    """Return rows as a result."""
    meta = {**versions(), "seed": 0, "data": data.describe(), **more}
    return Result(f"initialisation-{name}", pd.DataFrame(rows), meta)


def options(parser: argparse.ArgumentParser) -> None:
    """Add the theme's own options."""
    parser.add_argument("--draws", type=int, default=5, help="initialisations, seeds 0, 1, ...")
    parser.set_defaults(
        width=512, batch=256, depth=64, layers=40, units=200, inputs=64, images=64, shortcuts=54,
        conv_depth=20,
        depths=(1, 2, 4, 8, 16, 32), grid_depths=(1, 4, 10, 24, 50), lags=(0, 1, 2, 4, 8, 16, 32),
        identity_network="resnet110", train_blocks=48, train_width=64, steps=100,
        rates=(0.1, 0.01, 0.001), train_draws=3,
    )  # fmt: skip


THEME = Theme(
    name="initialisation",
    about=__doc__,
    kinds=KINDS,
    measure=measure,
    claims=claims,
    draw=draw,
    options=options,
    smoke={
        "draws": 2, "width": 32, "batch": 16, "depth": 4, "layers": 4, "units": 16, "inputs": 16,
        "images": 8, "shortcuts": 3, "depths": (1, 2), "grid_depths": (1, 4), "conv_depth": 14,
        "lags": (0, 1), "identity_network": "resnet8", "train_blocks": 4, "train_width": 16,
        "steps": 4, "rates": (0.01,), "train_draws": 2,
    },
)  # fmt: skip


if __name__ == "__main__":
    THEME.run()
