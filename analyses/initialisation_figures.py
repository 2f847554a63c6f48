"""The figures of signals at initialisation that are of several networks of many depths."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from resprobe.figures import figure
from resprobe.figures.theme import COLOURS, INK, MUTED, PAGE, despine, theme
from resprobe.probes.signals.gradient_laws import (
    normalised_correlation,
    plain_correlation,
    residual_correlation,
)
from resprobe.results import Result
from resprobe.statistics import Spread, spread

__all__ = ["draw", "over_draws"]

MARKERS = "os^vP<"


def draw(results: Mapping[str, Result]) -> dict[str, Figure]:
    """Draw depth, shattering and training; the other tables are numbers alone."""
    with theme():
        return {
            "depth": figure(results["depth"]),
            "shattering": _shattering(results["shattering"].frame, results["grid"].frame),
            "training": _training(results["training"].frame),
        }


def over_draws(frame: pd.DataFrame, keys: list[str], column: str) -> pd.DataFrame:
    """Return ``mean, low, high, n`` of a column over draws: 95 % t intervals."""
    rows = []
    for names, values in frame.groupby(keys, sort=False)[column]:
        finite = bool(np.isfinite(values).all())
        found = spread(values.tolist()) if finite else Spread(len(values), np.inf, *[np.nan] * 3)
        key = dict(zip(keys, names if isinstance(names, tuple) else (names,), strict=True))
        rows.append({**key, "mean": found.mean, "low": found.low, "high": found.high,
                     "n": found.n})  # fmt: skip
    return pd.DataFrame(rows)


def _shattering(by_depth: pd.DataFrame, by_lag: pd.DataFrame) -> Figure:
    made = Figure(figsize=(PAGE, 4.0), layout="constrained")
    left, right = made.subplots(1, 2)
    found = over_draws(by_depth, ["network", "depth"], "correlation")
    depths = np.unique(found["depth"])
    smooth = np.unique(np.geomspace(depths[0], depths[-1], 60).round().astype(int))
    laws = {
        "residual, BN": ("product of block factors", lambda b: normalised_correlation(b)),
        "residual, no BN": ("(3/4)^L", residual_correlation),
        "plain, BN": ("1/2^L", plain_correlation),
        "residual, BN, 0.1 F": ("product, 0.1 F", lambda b: normalised_correlation(b, scale=0.1)),
    }
    for place, (network, rows) in enumerate(found.groupby("network", sort=False)):
        _points(left, place, rows, "depth", str(network))
        name, law = laws[str(network)]
        left.plot(smooth, [law(int(b)) for b in smooth], color=COLOURS[place], linewidth=1.6,
                  linestyle=(0, (4, 1.5)), alpha=0.6, label=f"law: {name}")  # fmt: skip
    left.plot(smooth, smooth**-0.5, color=MUTED, linestyle=":", label="1/√L (published order)")
    left.set(xscale="log", yscale="log", ylim=(1e-4, 1.5), xlabel="Blocks L",
             ylabel="Correlation of the input gradients\nof different inputs")  # fmt: skip
    left.set_xticks(depths, [str(depth) for depth in depths], minor=False)
    left.minorticks_off()
    lags = over_draws(by_lag, ["network", "depth", "lag"], "autocorrelation")
    one = (lags["depth"] == 1) & (lags["network"] == "plain, BN")  # the other one is the same
    shown = lags[lags["depth"].isin([24, 50]) | one]
    for place, ((network, depth), rows) in enumerate(
        shown.groupby(["network", "depth"], sort=False)
    ):
        name = f"{network}, {depth} layers" if depth > 1 else "1 layer"
        _points(right, place, rows, "lag", name)
    right.axhline(0, color=INK, linewidth=0.6)
    right.set(xlabel="Lag (grid points of 4/255)", ylabel="Autocorrelation of df/dx")
    for ax in (left, right):
        _legend(ax)
    return made


def _training(frame: pd.DataFrame) -> Figure:
    made = Figure(figsize=(PAGE * 0.7, 3.6), layout="constrained")
    ax = made.subplots()
    for place, (network, rows) in enumerate(best(frame).groupby("network", sort=False)):
        found = over_draws(rows, ["step"], "loss")
        finite = np.isfinite(found["mean"])
        name = str(network) if finite.any() else f"{network}: not finite"
        _points(ax, place, found[finite], "step", name)
    ax.axhline(np.log(10), color=MUTED, linestyle=":", label="ln 10, knowing nothing")
    ax.set(xlabel="Step", ylabel="Training loss (nats), best rate", yscale="log")
    ax.set_ylim(0.3, 30)
    _legend(ax)
    return made


def best(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of each network's rate with the lowest mean loss at the end."""
    last = frame[frame["step"] == frame["step"].max()]
    means = last.groupby(["network", "rate"], sort=False)["loss"].mean().reset_index()
    rates = means.loc[means.groupby("network", sort=False)["loss"].idxmin()]
    return frame.merge(rates[["network", "rate"]], on=["network", "rate"])


def _points(ax: Axes, place: int, rows: pd.DataFrame, x: str, label: str) -> None:
    ax.errorbar(
        rows[x], rows["mean"], yerr=[rows["mean"] - rows["low"], rows["high"] - rows["mean"]],
        color=COLOURS[place], marker=MARKERS[place], markersize=3.5, linewidth=1.0,
        elinewidth=0.8, label=label,
    )  # fmt: skip


def _legend(ax: Axes) -> None:
    despine(ax)
    ax.tick_params(labelsize=7)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), fontsize=6.5, frameon=False, ncols=2)
