"""Gradients of deep plain networks shatter: those of different inputs have nothing in common.

Number    11
Question  Do the gradients of two inputs correlate as 1/2^L in plain networks, as (3/4)^L in
          residual ones, and as about 1/sqrt(L) in residual ones with BN? Does df/dx of a plain
          network look like white noise along a line of inputs?
Command   python analyses/shattering.py
Cost      About four minutes on one core of a server CPU.
Source    Balduzzi et al. 2017, theorems 1 to 3, Figs. 1 and 2. The product of block factors that
          theorem 3 is the order of is derived in resprobe.probes.signals.gradient_laws.
Setting   The networks of the paper: width 200; 64 Gaussian inputs, or 256 points in [-2, 2].
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from kit.analysis import Analysis
from kit.claims import Claim, Verdict, between, signed
from kit.draws import add_draws, near_draws, of_draws, over_draws, tabled
from kit.fully_connected import BARE, DESIGNS, PLAIN, RESIDUAL, Design, FullyConnected, grid, noise
from kit.panels import COLOURS, dots, law, sheet
from kit.slopes import slopes_of, with_lag
from kit.subjects import once
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from resprobe import initialisation
from resprobe.probes.signals.gradient_laws import (
    normalised_correlation,
    plain_correlation,
    residual_correlation,
)
from resprobe.results import Result

BALDUZZI = "Balduzzi et al. 2017"
SMALL = "residual, BN, 0.1 F"
NETWORKS = {**DESIGNS, SMALL: Design(scale=0.1)}
LAWS = {
    PLAIN: ("1/2^L", plain_correlation, (4, 1, 2, 8), "theorem 1"),
    BARE: ("(3/4)^L", residual_correlation, (1, 2, 8), "theorem 2"),
    RESIDUAL: ("the product of block factors", normalised_correlation, (1, 8, 32),
               "derived from theorem 3"),
    SMALL: ("the product of block factors", partial(normalised_correlation, scale=0.1), (32,),
            "derived from theorem 3"),
}  # fmt: skip


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Measure both kinds, each once."""
    return {
        "shattering": once(asked.parts / "shattering", partial(shattering, asked)),
        "grid": once(asked.parts / "grid", partial(autocorrelation, asked)),
    }


def shattering(asked: argparse.Namespace) -> Result:
    """Measure how alike the gradients of different inputs are, for networks of many depths."""
    data, rows = noise(asked.units, asked.inputs), []
    for name, design in NETWORKS.items():
        for blocks in asked.depths:
            for seed in range(asked.draws):
                network = FullyConnected(asked.units, blocks, seed=seed, design=design)
                found = initialisation(network.chain(data), data)
                rows.append(
                    {"network": name, "depth": blocks, "draw": seed,
                     "correlation": found.meta["networks"][0]["input_correlation"],
                     "law_from_shares": float(found.frame["gradient_correlation_law"].iloc[0])}
                )  # fmt: skip
    return tabled("shattering", rows, data, setting=_setting(asked))


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
                slopes = slopes_of(network, data)
                rows += [
                    {"network": name, "depth": layers, "draw": seed, "lag": lag,
                     "autocorrelation": with_lag(slopes, lag)}
                    for lag in asked.lags
                ]  # fmt: skip
    return tabled("grid", rows, data, setting=_setting(asked))


def _setting(asked: argparse.Namespace) -> list[str]:
    return [f"fully connected, width {asked.units}", f"{asked.draws} draws of the weights"]


def claims(results: Mapping[str, Result]) -> Iterable[Claim]:
    """Hold the correlations against the laws, and the slopes against what they look like.

    The first is that of plain networks at the greatest depth where the law is well above what
    five draws scatter.
    """
    result = results["shattering"]
    setting = f"{result.meta['setting'][0]}, {result.meta['data']['n']} Gaussian inputs"
    for network, (name, of_depth, depths, where) in LAWS.items():
        for depth in depths:
            found = _at(result.frame, network, depth)
            if found is not None:
                yield Claim(
                    claim=f"{network}: correlation of two inputs' gradients, {name}, L = {depth}",
                    source=f"{BALDUZZI}, {where}",
                    published=f"{of_depth(depth):.3g}, within 5 %",
                    **found,
                    setting=setting,
                    verdict=near_draws(found, of_depth(depth), tolerance=0.05, away_from=1),
                )
    yield from _exponent(result.frame, setting)
    yield from _grid(results["grid"])


def _at(frame: pd.DataFrame, network: str, depth: int) -> dict[str, float] | None:
    rows = frame[(frame["network"] == network) & (frame["depth"] == depth)]
    return None if rows.empty else of_draws(rows["correlation"].tolist())


def _exponent(frame: pd.DataFrame, setting: str) -> Iterable[Claim]:
    by_depth = frame[frame["network"] == RESIDUAL].pivot(
        index="draw", columns="depth", values="correlation"
    )
    if {8, 32} <= set(by_depth.columns):
        found = of_draws(np.log(by_depth[32] / by_depth[8]).div(math.log(4)).tolist())
        yield Claim(
            claim=f"{RESIDUAL}: the correlation falls as 1/sqrt(L): exponent from L = 8 to 32",
            source=f"{BALDUZZI}, theorem 3",
            published="1/sqrt(L): -0.5, within 10 %",
            **found,
            setting=setting,
            verdict=near_draws(found, -0.5, tolerance=0.1, away_from=0),
        )


def _grid(result: Result) -> Iterable[Claim]:
    """Judge what slopes look like in the words of the paper, which has no number."""
    rows = result.frame[result.frame["lag"] == 1]
    found = {key: of_draws(values.tolist())
             for key, values in rows.groupby(["network", "depth"])["autocorrelation"]}  # fmt: skip
    one, plain, residual = (found.get(key) for key in ((PLAIN, 1), (PLAIN, 24), (RESIDUAL, 50)))
    judged: list[tuple[str, str, dict[str, Any], Verdict]] = []
    if one:
        above_half = (one[end] - 0.5 for end in ("measured", "low", "high"))
        judged.append(("one layer looks like Brownian motion", "Brownian motion: above 0.5", one,
                       signed(*above_half, 1)))  # fmt: skip
    if plain:
        judged.append(("24 plain layers look like white noise", "white noise: 0", plain,
                       near_draws(plain, 0)))  # fmt: skip
    if one and plain and residual:
        judged.append(("50 residual layers lie in between",
                       "in between: whole interval between the two means", residual,
                       between(residual, plain["measured"], one["measured"])))  # fmt: skip
    for words, published, values, verdict in judged:
        yield Claim(
            claim=f"{words}: autocorrelation of df/dx at lag 1",
            source=f"{BALDUZZI}, Fig. 1",
            published=published,
            **values,
            setting=f"scalar to scalar, {result.meta['setting'][0]}, 256 points in [-2, 2]",
            verdict=verdict,
        )


def draw(results: Mapping[str, Result]) -> dict[str, Figure]:
    """Draw the correlation over depth and the autocorrelation over lag."""
    with sheet(results["shattering"], width=5.6, height=4.2) as (by_depth, (ax,)):
        _correlations(ax, results["shattering"].frame)
    with sheet(results["grid"], width=5.6, height=3.6) as (by_lag, (ax,)):
        _autocorrelations(ax, results["grid"].frame)
    return {"shattering": by_depth, "grid": by_lag}


def _correlations(ax: Axes, frame: pd.DataFrame) -> None:
    found = over_draws(frame, ["network", "depth"], "correlation")
    depths = np.unique(found["depth"])
    smooth = np.unique(np.geomspace(depths[0], depths[-1], 60).round().astype(int))
    for place, network in enumerate(NETWORKS):
        rows = found[found["network"] == network]
        dots(ax, place, rows["depth"], rows["mean"], ends=(rows["low"], rows["high"]),
             label=network)  # fmt: skip
    for place, (name, of_depth, *_) in enumerate(LAWS[network] for network in NETWORKS):
        shown = f"law: {name}" + ", 0.1 F" * (place == len(NETWORKS) - 1)
        law(ax, smooth, [of_depth(int(b)) for b in smooth], label=shown, colour=COLOURS[place])
    ax.plot(smooth, smooth**-0.5, color="#5c5c5c", linestyle=":", label="1/√L (published order)")
    ax.set(xscale="log", yscale="log", ylim=(1e-4, 1.5), xlabel="Blocks L",
           ylabel="Correlation of the input gradients\nof different inputs")  # fmt: skip
    ax.set_xticks(depths, [str(depth) for depth in depths], minor=False)
    ax.minorticks_off()


def _autocorrelations(ax: Axes, frame: pd.DataFrame) -> None:
    lags = over_draws(frame, ["network", "depth", "lag"], "autocorrelation")
    one = (lags["depth"] == 1) & (lags["network"] == PLAIN)  # the residual one is the same
    shown = lags[lags["depth"].isin([24, 50]) | one].groupby(["network", "depth"], sort=False)
    for place, ((network, depth), rows) in enumerate(shown):
        name = f"{network}, {depth} layers" if depth > 1 else "1 layer"
        aside = rows["lag"] + 0.22 * (place - 2)
        dots(ax, place, aside, rows["mean"], ends=(rows["low"], rows["high"]), label=name)
    ax.axhline(0, color="#262626", linewidth=0.6)
    ax.set(xlabel="Lag (grid points, 4/255 apart; networks set side by side)",
           ylabel="Autocorrelation of df/dx")  # fmt: skip


def options(parser: argparse.ArgumentParser) -> None:
    """Add the script's own options."""
    add_draws(parser)
    parser.set_defaults(
        units=200, inputs=64, depths=(1, 2, 4, 8, 16, 32), grid_depths=(1, 4, 10, 24, 50),
        lags=(0, 1, 2, 4, 8, 16, 32),
    )  # fmt: skip


ANALYSIS = Analysis(
    file=__file__,
    kinds=("shattering", "grid"),
    measure=measure,
    claims=claims,
    captions={
        "shattering": "Correlation of the gradients of different inputs in random networks of "
        "width 200, with 95 % intervals over draws, beside the laws (dashed).",
        "grid": "Autocorrelation of df/dx along a line of inputs: slow like a random walk's in one "
        "layer, gone at once in 24 plain ones.",
    },
    draw=draw,
    options=options,
    smoke={"draws": 2, "units": 16, "inputs": 16, "depths": (1, 4), "grid_depths": (1, 4),
           "lags": (0, 1)},
)  # fmt: skip

if __name__ == "__main__":
    ANALYSIS.run()
