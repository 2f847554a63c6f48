"""Plain networks with BatchNorm begin with exploding gradients, residual ones do not.

Number    10
Question  Does every plain layer with BN and ReLU lengthen the gradient by 1.211, the root of
          pi/(pi - 1), and do shortcuts prevent that? Is it so in convolutional networks too?
Command   python analyses/exploding_gradients.py
Cost      About two minutes on one core of a server CPU.
Source    Yang et al. 2019, "A Mean Field Theory of Batch Normalization", section 3.
Setting   Fully connected networks of 40 layers, width 512, Gaussian inputs; plain-56 and ResNet-56
          of width 8 (published: 16) on the embedded images.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Mapping
from functools import partial

import pandas as pd
from kit.analysis import Analysis
from kit.claims import Claim, near, signed
from kit.draws import add_draws, near_draws, of_draws, tabled
from kit.fresh import fresh_gradflow
from kit.fully_connected import DESIGNS, PLAIN, RESIDUAL, FullyConnected, noise
from kit.panels import dots, law, sheet
from kit.subjects import once
from matplotlib.figure import Figure

from resprobe import gradflow
from resprobe.figures import figure
from resprobe.probes.signals.gradient_laws import gradient_growth
from resprobe.results import Result, combined

YANG = "Yang et al. 2019"
EXPLODING = gradient_growth()


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Measure the factor per layer, draw by draw, and the gradient along convolutional networks."""
    initial = [
        once(
            asked.parts / f"{network}-initial",
            partial(fresh_gradflow, f"{network}:width=8", images=asked.images),
        )
        for network in asked.convolutional
    ]
    return {"growth": once(asked.parts / "growth", partial(growth, asked)),
            "initial": combined(initial)}  # fmt: skip


def growth(asked: argparse.Namespace) -> Result:
    """Fit the factor per layer of every draw."""
    data, rows = noise(asked.width, asked.batch), []
    for name in (PLAIN, RESIDUAL):
        for seed in range(asked.draws):
            network = FullyConnected(asked.width, asked.layers, seed=seed, design=DESIGNS[name])
            flow = gradflow(network.chain(data), data, batch_norm="batch", identity=False)
            factor = flow.blocks.meta["networks"][0]["growth"]["factor"]
            rows.append({"network": name, "depth": asked.layers, "draw": seed, "factor": factor})
    setting = [f"fully connected, width {asked.width}, {asked.layers} layers"]
    return tabled("growth", rows, data, setting=setting)


def claims(results: Mapping[str, Result]) -> Iterable[Claim]:
    """Compare the factors with the law; 5 % of the growth is left to finite width and batch."""
    result = results["growth"]
    factors = {name: rows.set_index("draw")["factor"]
               for name, rows in result.frame.groupby("network")}  # fmt: skip
    setting = f"{result.meta['setting'][0]}, {result.meta['data']['n']} Gaussian inputs"
    found = of_draws(factors[PLAIN].tolist())
    grown = {**found, **{end: found[end] - 1 for end in ("measured", "low", "high")}}
    yield Claim(
        claim="factor of the gradient's norm per plain layer with BN and ReLU",
        source=YANG,
        published=f"{EXPLODING:.3f}, growth of {EXPLODING - 1:.3f} within 5 %",
        **found,
        setting=setting,
        verdict=near_draws(grown, EXPLODING - 1, tolerance=0.05, away_from=0),
    )
    found = of_draws((factors[RESIDUAL] - factors[PLAIN]).tolist())
    yield Claim(
        claim="factor per layer, residual less plain",
        source=YANG,
        published="below 0",
        **found,
        setting=setting,
        verdict=signed(found["measured"], found["low"], found["high"], -1),
    )
    yield from _convolutional(results["initial"])


def _convolutional(result: Result) -> Iterable[Claim]:
    for entry in result.meta["networks"]:
        grown, plain = entry["growth"], bool(entry["plain"])
        ends = {end: math.nan if grown[end] is None else grown[end] for end in ("low", "high")}
        yield Claim(
            claim=f"factor per layer, convolutional {'plain' if plain else 'residual'} network",
            source=YANG,
            published="1.211 (ReLU, large batches)" if plain else "1 (flat)",
            measured=grown["factor"],
            **ends,
            n=grown["blocks"],
            of="blocks",
            setting=f"{entry['network']}; {result.meta['data']['data_set']}, batches of 64",
            verdict=near(
                grown["factor"],
                EXPLODING if plain else 1.0,
                **ends,
                away_from=1.0 if plain else EXPLODING,
            ),
        )


def draw(results: Mapping[str, Result]) -> dict[str, Figure]:
    """Draw the factor of every draw, and the gradients along the convolutional networks."""
    return {"growth": _growth(results["growth"]), "initial": figure(results["initial"])}


def _growth(result: Result) -> Figure:
    with sheet(result, width=4.6, height=2.6) as (made, (ax,)):
        for place, name in enumerate((PLAIN, RESIDUAL)):
            rows: pd.DataFrame = result.frame[result.frame["network"] == name]
            dots(ax, place, rows["draw"], rows["factor"], label=name, linestyle="")
        draws = result.frame["draw"].max()
        law(ax, [-0.3, draws + 0.3], [EXPLODING] * 2, label="law, plain: 1.211")
        ax.axhline(1, color="#262626", linewidth=0.7)
        ax.set(xlabel="Draw of the weights", ylabel="Factor of the gradient's\nnorm per layer",
               xticks=range(draws + 1), ylim=(0.98, 1.25))  # fmt: skip
    return made


def options(parser: argparse.ArgumentParser) -> None:
    """Add the script's own options."""
    add_draws(parser)
    parser.set_defaults(
        width=512, batch=256, layers=40, images=256, convolutional=("plain56", "resnet56")
    )


ANALYSIS = Analysis(
    file=__file__,
    kinds=("growth", "initial"),
    measure=measure,
    claims=claims,
    captions={
        "growth": "Factor by which a layer lengthens the gradient, in random fully connected "
        "networks of 40 layers.",
        "initial": "Gradient along plain-56 and ResNet-56 of width 8 with random weights; where "
        "there are shortcuts, its parts.",
    },
    draw=draw,
    options=options,
    smoke={"draws": 2, "width": 32, "batch": 16, "layers": 4, "images": 20,
           "convolutional": ("plain14", "resnet14")},
)  # fmt: skip

if __name__ == "__main__":
    ANALYSIS.run()
