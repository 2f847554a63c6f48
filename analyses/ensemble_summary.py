"""What lesions and path lengths say, network by network, beside what was published."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from resprobe.ranks import spearman
from resprobe.results import Result
from resprobe.statistics import spread

__all__ = ["QUANTITIES", "markdown", "summary"]

METHODS = ("sampled", "rms", "exact")


@dataclass(frozen=True)
class Quantity:
    """A published figure in words, what n counts here, and its unit."""

    figure: str
    text: str
    published: str
    n: str
    percent: bool = True


QUANTITIES = {
    "intact": Quantity("3", "error of the intact network", "about 6 % (ResNet-110)", "images"),
    "identity": Quantity(
        "3", "rise of the error, one identity block deleted: mean over these", "not noticeable",
        "blocks",
    ),
    "identity_median": Quantity("3", "median over these", "not noticeable", "blocks"),
    "identity_most": Quantity("3", "of the one that matters most", "not noticeable", "images"),
    "transition": Quantity(
        "3", "of the transition that matters most", "modest; the largest there are", "images"
    ),
    "random_10": Quantity(
        "5a", "error with 10 of 54 of the blocks deleted at random", "around 20 %", "draws"
    ),
    "random_20": Quantity(
        "5a", "with 20 of 54 of them deleted", "a severe drop of the accuracy", "draws"
    ),
    "random_trend": Quantity(
        "5a", "rank correlation of mean error and number deleted", "rises smoothly",
        "numbers of blocks", percent=False,
    ),
    "shuffle_trend": Quantity(
        "5b", "rank correlation of error and disorder, 1 - tau", "rises smoothly", "orders",
        percent=False,
    ),
    "path_decay": Quantity(
        "6b", "norm of a path's gradient, over that of a path with one block less: geometric mean",
        "below 1: decays about exponentially", "lengths", percent=False,
    ),
    **{
        f"{end}_{method}": Quantity(
            "6c", f"{length} effective paths, share of the blocks: {method}", published, "images"
        )
        for method in METHODS
        for end, length, published in (
            ("low", "shortest", "9.3 % (5 of 54)"), ("high", "longest", "31.5 % (17 of 54)"),
        )
    },
    "paths_share": Quantity(
        "6c", "share of all paths that these are: sampled", "0.45 %", "images"
    ),
}  # fmt: skip


def summary(results: Mapping[str, Result]) -> pd.DataFrame:
    """Return the published quantities of every network.

    Returns
    -------
    DataFrame
        ``network, quantity, value, low, high, n, of``: fractions; the 95 % interval is NaN where
        there is none; ``n`` counts what ``of`` says ("images").
    """
    rows = []
    for network in results["single"].frame["network"].unique():
        frames = {
            kind: result.frame[result.frame["network"] == network]
            for kind, result in results.items()
        }
        blocks = int((frames["single"]["k"] == 1).sum())
        for quantity, found in (
            *_single(frames["single"]),
            *_random(frames["random"], blocks),
            *_shuffle(frames["shuffle"]),
            *_paths(frames["paths"], blocks),
        ):
            rows.append({"network": network, "quantity": quantity, **found})
    return pd.DataFrame(rows)


Found = Iterator[tuple[str, dict[str, float]]]


def _value(value: float, n: int, low: float = math.nan, high: float = math.nan) -> dict[str, float]:
    return {"value": float(value), "low": float(low), "high": float(high), "n": int(n)}


def _single(frame: pd.DataFrame) -> Found:
    intact = frame[frame["lesion"] == "intact"].iloc[0]
    yield (
        "intact",
        _value(intact["error"], intact["n"], 1 - intact["accuracy_high"],
               1 - intact["accuracy_low"]),
    )  # fmt: skip
    identity, transition = (frame[frame["kind"] == kind] for kind in ("identity", "transition"))
    found = spread(identity["error_rise"].tolist())
    yield "identity", _value(found.mean, found.n, found.low, found.high)
    yield "identity_median", _value(identity["error_rise"].median(), found.n)
    for name, rows in (("identity_most", identity), ("transition", transition)):
        if len(rows):
            most = rows.loc[rows["error_rise"].idxmax()]
            limits = most["error_rise_low"], most["error_rise_high"]
            yield name, _value(most["error_rise"], most["n"], *limits)


def _random(frame: pd.DataFrame, blocks: int) -> Found:
    drawn = frame[frame["k"] > 0]
    for deleted in (10, 20):
        k = round(deleted * blocks / 54)
        errors = drawn.loc[drawn["k"] == k, "error"].tolist()
        if errors:
            found = spread(errors)
            limits = max(0.0, found.low), min(1.0, found.high)
            yield f"random_{deleted}", _value(found.mean, found.n, *limits)
    means = drawn.groupby("k")["error"].mean()
    trend = spearman(means.index.tolist(), means.tolist())
    yield (
        "random_trend",
        _value(trend.estimate, trend.n, trend.low, trend.high),
    )


def _shuffle(frame: pd.DataFrame) -> Found:
    drawn = frame[frame["k"] > 0]
    trend = spearman((1 - drawn["kendall_tau"]).tolist(), drawn["error"].tolist())
    yield "shuffle_trend", _value(trend.estimate, trend.n, trend.low, trend.high)


def _paths(frame: pd.DataFrame, blocks: int) -> Found:
    sampled = frame[frame["method"] == "sampled"].sort_values("length")
    norms = sampled.loc[sampled["norm"] > 0, ["length", "norm"]].to_numpy()
    steps = len(norms) - 1
    if steps > 0:
        decay = (norms[-1, 1] / norms[0, 1]) ** (1 / (norms[-1, 0] - norms[0, 0]))
        yield "path_decay", _value(decay, steps)
    for method in METHODS:
        lengths = frame.loc[(frame["method"] == method) & frame["effective"], "length"]
        if len(lengths):
            n = int(frame["n"].iloc[0])
            yield f"low_{method}", _value(lengths.min() / blocks, n)
            yield f"high_{method}", _value(lengths.max() / blocks, n)
    share = sampled.loc[sampled["effective"], "paths_share"].sum()
    yield "paths_share", _value(share, int(sampled["n"].iloc[0]))


def markdown(results: Mapping[str, Result], table: pd.DataFrame) -> str:
    """Return how it was measured, and a column per network beside the published figures."""
    networks = list(table["network"].unique())
    lines = [f"{line}  " for line in _setting(results)]
    lines += ["", f"| Fig. | | published | {' | '.join(networks)} |"]
    lines += ["| --- " * (3 + len(networks)) + "|"]
    for name, quantity in QUANTITIES.items():
        rows = table[table["quantity"] == name].set_index("network")
        cells = [
            _cell(rows.loc[network], quantity) if network in rows.index else "-"
            for network in networks
        ]
        heading = f"{quantity.figure} | {quantity.text} (n {quantity.n}) | {quantity.published}"
        lines.append(f"| {heading} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _setting(results: Mapping[str, Result]) -> Iterator[str]:
    for network in results["single"].meta["networks"]:
        name = network["network"]
        data = network.get("data") or results["single"].meta["data"]
        images = {
            kind: int(result.frame.loc[result.frame["network"] == name, "n"].iloc[0])
            for kind, result in results.items()
        }
        yield (
            f"{name}: {network['blocks']} blocks, {network['parameters']:,} parameters; "
            f"{data['data_set']}, {data['split']}: {images['single']:,} images for single "
            f"deletions, {images['random']:,} for random ones and orders, {images['paths']:,} for "
            "gradients."
        )


def _cell(row: pd.Series, quantity: Quantity) -> str:
    unit, scale, form = (" %", 100, ".1f") if quantity.percent else ("", 1, ".2f")
    if quantity.percent and row["value"] < 0.01:
        form = ".2f"
    value, low, high = (f"{scale * row[name]:{form}}" for name in ("value", "low", "high"))
    limits = "" if math.isnan(row["low"]) else f" [{low}, {high}]"
    return f"{value}{unit}{limits}, n = {row['n']:,}"
