"""Residual branches point down the loss, those of late blocks the most.

Number    15
Question  Is the mean cosine of a branch's output F(x) and the loss's gradient dL/dx at the
          block's input below 0 in all blocks, and about -0.1 in the last one?
Command   python analyses/loss_direction.py --ckpt resnet20.th --ckpt resnet32.th \
              --data folder:cifar10-jpeg --label "CIFAR-10, JPEG copies"
Full      resprobe train --arch preresnet110 --data cifar10 --out preresnet110.pt
          python analyses/loss_direction.py --only-ckpt --ckpt preresnet110.pt --images 10000
Cost      One forward and backward pass over 5,000 images: 4 min for the four networks on one core.
Source    Jastrzebski et al. 2018, Fig. 4.
Setting   Figure 4 is of a fully trained pre-activation ResNet-110 on CIFAR-10. Here: published
          weights of ResNet-20 and 32, with the activation behind the sum, and two networks of 110
          layers of width 8. A block that changes the shape has no cosine.
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

from resprobe.ranks import spearman
from resprobe.results import Result
from resprobe.statistics import wilson

SOURCE = "Jastrzebski et al. 2018, Fig. 4"


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Take the cosine of every branch's output and the gradient at its input."""
    columns = ("cosine", "cosine_se", "cosine_n")
    return {"cosine": read_out(asked, "cosine", take=attrgetter("blocks"), columns=columns)}


def claims(results: Mapping[str, Result]) -> Iterator[Claim]:
    """Count the blocks that go down the loss, and judge the last one and the order of all."""
    for one in nearest_first(results["cosine"]):
        rows = one.frame[one.frame["cosine"].notna()].sort_values("block")
        if not rows.empty:
            yield _share(rows, one.setting)
            yield _last(rows.iloc[-1], one.setting)
            yield _order(rows, one.setting)


def _share(rows: pd.DataFrame, setting: str) -> Claim:
    below, n = int((rows["cosine"] < 0).sum()), len(rows)
    low, high = wilson(below, n)
    return Claim(
        claim="branches go down the loss: share of blocks whose mean cosine of F(x) and dL/dx is "
        "below 0",
        source=SOURCE, published="all blocks", measured=below / n, low=low, high=high,
        n=n, of="blocks", setting=setting, percent=True,
        verdict=near(below / n, 1.0, low=low, high=high, away_from=0.5),
    )  # fmt: skip


def _last(last: pd.Series, setting: str) -> Claim:
    low, high = (last["cosine"] + side * 1.96 * last["cosine_se"] for side in (-1, 1))
    return Claim(
        claim="mean cosine of F(x) and dL/dx in the last block",
        source=SOURCE, published="about -0.1 (read off a figure: by half)",
        measured=last["cosine"], low=low, high=high, n=last["cosine_n"], of="images",
        setting=setting,
        verdict=near(last["cosine"], -0.1, low=low, high=high, tolerance=0.5, away_from=0.0),
    )  # fmt: skip


def _order(rows: pd.DataFrame, setting: str) -> Claim:
    rank = spearman(rows["block"].tolist(), rows["cosine"].tolist())
    return Claim(
        claim="later branches go down the loss more: rank correlation of block and cosine",
        source=SOURCE, published="negative", measured=rank.estimate, low=rank.low, high=rank.high,
        n=rank.n, of="blocks", setting=setting,
        verdict=signed(rank.estimate, rank.low, rank.high, -1),
    )  # fmt: skip


def draw(results: Mapping[str, Result]) -> dict[str, Figure]:
    """Draw the cosine along the depth."""
    return drawn(results["cosine"], "cosine")


ANALYSIS = Analysis(
    file=__file__,
    kinds=("cosine",),
    measure=measure,
    claims=claims,
    captions=captioned("cosine", "Cosine of each branch's output and the gradient of the loss."),
    draw=draw,
    options=options,
    smoke=SMOKE,
    own=(Own(arch="preresnet110"), Own(arch="resnet110")),
    any_networks=True,
)

if __name__ == "__main__":
    ANALYSIS.run()
