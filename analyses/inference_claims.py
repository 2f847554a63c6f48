"""What read-outs say of each claim, network by network."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import pandas as pd
from claims import Claim, near, signed

from resprobe.ranks import spearman
from resprobe.results import Result
from resprobe.statistics import wilson

__all__ = ["KINDS", "claims"]

KINDS = ("readout", "readout-decisions", "readout-borderline")


def claims(results: Mapping[str, Result]) -> Iterator[Claim]:
    """Judge every claim for every network."""
    blocks, decisions, borderline = (results[kind] for kind in KINDS)
    settings = _settings(blocks)
    for network, rows in blocks.frame.groupby("network", sort=False):
        setting = settings[str(network)]
        ordered = rows.sort_values("block")
        yield from _cosines(ordered, setting)
        yield from _gradual(ordered, setting)
        yield from _errors(ordered, setting)
        frame = borderline.frame
        yield from _borderline(frame[frame["network"] == network], setting)
        frame = decisions.frame
        yield from _decided(frame[frame["network"] == network], setting)


def _settings(blocks: Result) -> dict[str, str]:
    found = {}
    for network in blocks.meta["networks"]:
        data = network.get("data", blocks.meta["data"])
        found[network["network"]] = f"{network['network']}; {data['data_set']}, {data['split']}"
    return found


def _cosines(rows: pd.DataFrame, setting: str) -> Iterator[Claim]:
    known = rows[rows["cosine"].notna()]
    source = "Jastrzebski et al. 2018, Fig. 4"
    if len(known) < 4:
        return
    below = int((known["cosine"] < 0).sum())
    low, high = wilson(below, len(known))
    share = below / len(known)
    yield Claim(
        claim="branches go down the loss: share of blocks whose mean cosine of F(x) and dL/dx is "
        "below 0",
        source=source, published="all blocks", measured=share, low=low, high=high,
        n=len(known), of="blocks", setting=setting, percent=True,
        verdict=near(share, 1.0, low=low, high=high, away_from=0.5),
    )  # fmt: skip
    last = known.iloc[-1]
    ends = [last["cosine"] + side * 1.96 * last["cosine_se"] for side in (-1, 1)]
    yield Claim(
        claim="mean cosine of F(x) and dL/dx in the last block",
        source=source, published="about -0.1 (read off a figure: by half)",
        measured=last["cosine"], low=ends[0], high=ends[1], n=last["cosine_n"], of="images",
        setting=setting,
        verdict=near(last["cosine"], -0.1, low=ends[0], high=ends[1], tolerance=0.5, away_from=0.0),
    )  # fmt: skip
    rank = spearman(known["block"].tolist(), known["cosine"].tolist())
    yield Claim(
        claim="later branches go down the loss more: rank correlation of block and cosine",
        source=source, published="negative", measured=rank.estimate, low=rank.low, high=rank.high,
        n=rank.n, of="blocks", setting=setting,
        verdict=signed(rank.estimate, rank.low, rank.high, -1),
    )  # fmt: skip


def _gradual(rows: pd.DataFrame, setting: str) -> Iterator[Claim]:
    read = rows[rows["head_accuracy"].notna()]
    steps = read["head_accuracy"].diff().dropna()
    climb = read["head_accuracy"].iloc[-1] - read["head_accuracy"].iloc[0]
    if len(steps) >= 4 and climb > 0:  # with three steps the largest is a third at least
        largest = float(steps.max() / climb)
        yield Claim(
            claim="the head's accuracy climbs gradually over the last stage: largest step of one "
            "block over the whole climb",
            source="Jastrzebski et al. 2018, Fig. 5", published="very gradually: below a half",
            measured=largest, n=len(steps), of="steps", setting=setting, percent=True,
            verdict=signed(largest - 0.5, math.nan, math.nan, -1),
        )  # fmt: skip
    rank = spearman(rows["block"].tolist(), rows["probe_accuracy"].tolist())
    yield Claim(
        claim="linear probes read ever better: rank correlation of block and accuracy",
        source="Alain and Bengio 2016", published="monotone: 1", measured=rank.estimate,
        low=rank.low, high=rank.high, n=rank.n, of="blocks", setting=setting,
        verdict=near(rank.estimate, 1.0, low=rank.low, high=rank.high, away_from=0.0),
    )  # fmt: skip


def _errors(rows: pd.DataFrame, setting: str) -> Iterator[Claim]:
    source = "Greff et al. 2017, Fig. 3"
    inner = rows[rows["error_std"] > 0]
    if inner.empty:
        return
    ratios = inner["error_mean"].abs() / inner["error_std"]
    worst = ratios.idxmax()
    half = 1.96 * inner.loc[worst, "error_mean_se"] / inner.loc[worst, "error_std"]
    ratio = float(ratios[worst])
    yield Claim(
        claim="estimates are unbiased: largest |mean| over std of a block's error x_k - x_K",
        source=source, published="mean near 0: below 0.1", measured=ratio, low=ratio - half,
        high=ratio + half, n=inner.loc[worst, "n"], of="images", setting=setting,
        verdict=signed(ratio - 0.1, ratio - half - 0.1, ratio + half - 0.1, -1),
    )  # fmt: skip
    falls = [
        fall < 0
        for _, stage in rows.groupby("stage", sort=False)
        for fall in stage["error_std"].diff().dropna().iloc[:-1]  # the last is 0 by definition
    ]
    if falls:
        low, high = wilson(sum(falls), len(falls))
        share = sum(falls) / len(falls)
        yield Claim(
            claim="estimates come closer: share of steps within a stage at which the error's std "
            "falls",
            source=source, published="all", measured=share, low=low, high=high, n=len(falls),
            of="steps", setting=setting, percent=True,
            verdict=near(share, 1.0, low=low, high=high, away_from=0.5),
        )  # fmt: skip


def _borderline(rows: pd.DataFrame, setting: str) -> Iterator[Claim]:
    judged = rows[rows["judged"] == "before"]
    for group, sign, words in (
        ("borderline", 1, "the last five blocks repair borderline images"),
        ("confident", -1, "and cost the others a little"),
    ):
        some = judged[judged["group"] == group].sort_values("block")
        if len(some) < 3 or not some["n"].iloc[0]:
            continue
        first, last = some.iloc[max(0, len(some) - 6)], some.iloc[-1]
        rise, low, high = _rise(first, last)
        yield Claim(
            claim=f"{words}: rise of their accuracy",
            source="Jastrzebski et al. 2018, Fig. 6",
            published="rises" if sign > 0 else "falls a little", measured=rise, low=low, high=high,
            n=int(last["n"]), of="images", setting=setting, percent=True,
            verdict=signed(rise, low, high, sign),
        )  # fmt: skip


def _rise(first: pd.Series, last: pd.Series) -> tuple[float, float, float]:
    """Return the difference of two accuracies, its interval as of two sets of images: too wide.

    Newcombe 1998, method 10 of independent proportions.
    """
    p, q = float(last["accuracy"]), float(first["accuracy"])
    below = math.hypot(p - last["accuracy_low"], first["accuracy_high"] - q)
    above = math.hypot(last["accuracy_high"] - p, q - first["accuracy_low"])
    return p - q, p - q - below, p - q + above


def _decided(rows: pd.DataFrame, setting: str) -> Iterator[Claim]:
    some = rows[rows["method"] == "probe-stable"].sort_values("block")
    blocks = len(some) - 1
    depth = (some["block"] + 1).clip(upper=blocks)
    n = int(some["n"].iloc[0])
    for words, published, chosen in (
        ("in the first third", (0.39, 0.43), depth <= blocks / 3),
        ("beyond 70 % of the depth", (0.39, 0.54), depth > 0.7 * blocks),
    ):
        images = int(some[chosen]["images"].sum())
        low, high = wilson(images, n)
        share, middle = images / n, sum(published) / 2
        yield Claim(
            claim=f"share of images that a probe decides (and two blocks confirm) {words}",
            source="CVPR 2026, When do models actually decide?",
            published=f"{100 * published[0]:.0f} to {100 * published[1]:.0f} % (ResNet-50 and "
            f"101, ImageNet there)",
            measured=share, low=low, high=high, n=n, of="images", setting=setting, percent=True,
            verdict=near(share, middle, low=low, high=high,
                         tolerance=(published[1] - middle) / middle),
        )  # fmt: skip
