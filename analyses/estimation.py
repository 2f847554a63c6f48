"""Blocks of a stage estimate the stage's output: without bias, and ever closer.

Number    24
Question  Is the mean of a block's error x_k - x_K, block output less output of its stage, small
          beside its standard deviation, and does the latter fall from block to block?
Command   python analyses/estimation.py --ckpt resnet20.th --ckpt resnet32.th \
              --data folder:cifar10-jpeg --label "CIFAR-10, JPEG copies"
Full      python analyses/estimation.py --only-ckpt --ckpt resnet50-0676ba61.pth \
              --data imagenet:data/imagenet --images 50000
Cost      One forward and backward pass over 5,000 images: 4 min for the five networks on one core.
Source    Greff et al. 2017, Fig. 3.
Setting   Figure 3 is of a ResNet-50 on ImageNet, and gives no number. Here: published weights of
          ResNet-20 and 32, two networks of 110 layers of width 8, and a plain one as a control.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from operator import attrgetter

import pandas as pd
from kit.analysis import Analysis
from kit.claims import Claim, near, signed
from kit.nearness import captioned, drawn, nearest_first
from kit.networks import Own
from kit.readouts import SMOKE, options, read_out
from matplotlib.figure import Figure

from resprobe.results import Result
from resprobe.statistics import wilson

SOURCE = "Greff et al. 2017, Fig. 3"
SMALL = 0.1
COLUMNS = (
    "error_mean", "error_mean_se", "error_std", "error_std_se", "stage_std",
    "error_mean_relative", "error_std_relative",
)  # fmt: skip


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Take the error of every block's output beside its stage's."""
    return {"error": read_out(asked, "error", take=attrgetter("blocks"), columns=COLUMNS)}


def claims(results: Mapping[str, Result]) -> Iterator[Claim]:
    """Judge the largest bias, and count the steps at which the error falls."""
    for one in nearest_first(results["error"]):
        rows = one.frame.sort_values("block")
        yield from _bias(rows, one.setting)
        yield from _falls(rows, one.setting)


def _bias(rows: pd.DataFrame, setting: str) -> Iterator[Claim]:
    inner = rows[rows["error_std"] > 0]  # the last of a stage has none, by definition
    if inner.empty:
        return
    ratios = inner["error_mean"].abs() / inner["error_std"]
    worst = inner.loc[ratios.idxmax()]
    ratio = float(ratios.max())
    half = 1.96 * worst["error_mean_se"] / worst["error_std"]
    yield Claim(
        claim="estimates are unbiased: largest |mean| over standard deviation of a block's error "
        "x_k - x_K",
        source=SOURCE, published=f"mean near 0; here: below {SMALL} of the standard deviation",
        measured=ratio, low=ratio - half, high=ratio + half, n=worst["n"], of="images",
        setting=setting,
        verdict=signed(ratio - SMALL, ratio - half - SMALL, ratio + half - SMALL, -1),
    )  # fmt: skip


def _falls(rows: pd.DataFrame, setting: str) -> Iterator[Claim]:
    falls = [
        fall < 0
        for _, stage in rows.groupby("stage", sort=False)
        for fall in stage["error_std"].diff().dropna().iloc[:-1]  # the last is 0 by definition
    ]
    if not falls:
        return
    share = sum(falls) / len(falls)
    low, high = wilson(sum(falls), len(falls))
    yield Claim(
        claim="estimates come closer: share of steps within a stage at which the standard "
        "deviation of the error falls",
        source=SOURCE, published="all", measured=share, low=low, high=high, n=len(falls),
        of="steps", setting=setting, percent=True,
        verdict=near(share, 1.0, low=low, high=high, away_from=0.5),
    )  # fmt: skip


def draw(results: Mapping[str, Result]) -> dict[str, Figure]:
    """Draw mean and standard deviation of the error along the depth."""
    return drawn(results["error"], "error")


ANALYSIS = Analysis(
    file=__file__,
    kinds=("error",),
    measure=measure,
    claims=claims,
    captions=captioned("error", "Each block's output less the output of its stage."),
    draw=draw,
    options=options,
    smoke=SMOKE,
    own=(Own(arch="preresnet110"), Own(arch="resnet110"), Own(arch="plain20")),
    any_networks=True,
)

if __name__ == "__main__":
    ANALYSIS.run()
