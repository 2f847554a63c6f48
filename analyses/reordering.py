"""Blocks in another order degrade a residual network smoothly.

Number    6
Question  Random pairs of blocks of one shape are swapped. Does the error grow smoothly with the
          disorder, 1 - Kendall's tau of the order?
Command   python analyses/reordering.py --ckpt resnet20.th --ckpt resnet32.th \
              --data folder:cifar10-jpeg --label "CIFAR-10, JPEG copies"
Full      resprobe train --arch preresnet110 --data cifar10 --recipe he2015-cifar \
          --out preresnet110.pt
          python analyses/reordering.py --only-ckpt --ckpt preresnet110.pt --images 10000 \
          --draws 50
Cost      1 to 5 min for each network on one core: 100 orders.
Source    Veit et al. 2016, Fig. 5b.
Setting   The paper's network is a pre-activation ResNet-110 that was trained on CIFAR-10. Here:
          narrow networks after short trainings, and published weights of ResNet-20 and 32. A
          plain network is drawn beside them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping

from kit.analysis import Analysis
from kit.claims import Claim, signed
from kit.nearness import captioned, drawn, nearest_first
from kit.networks import Own
from kit.subjects import Subject
from kit.tables import measured_once
from matplotlib.figure import Figure

from resprobe import lesion, studies
from resprobe.ranks import spearman
from resprobe.results import Result


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Swap pairs of blocks that are drawn at random."""

    def of(subject: Subject) -> Result:
        most = min(asked.most, len(subject.chain.blocks))
        return lesion(
            subject.chain, subject.shown(asked.images),
            study=studies.Shuffle(most=most, draws=asked.draws), network=subject.name,
            seed=0, about=subject.about,
        )  # fmt: skip

    return {"shuffle": measured_once(asked, "shuffle", of)}


def claims(results: Mapping[str, Result]) -> Iterable[Claim]:
    """Correlate error and disorder over the orders, network by network."""
    for rows in nearest_first(results["shuffle"]):
        if rows.facts["plain"]:
            continue
        drawn = rows.frame[rows.frame["k"] > 0]
        found = spearman((1 - drawn["kendall_tau"]).tolist(), drawn["error"].tolist())
        yield Claim(
            claim="rank correlation of the error and 1 - tau",
            source="Veit et al. 2016, Fig. 5b",
            published="above 0: the error grows smoothly",
            measured=found.estimate,
            low=found.low,
            high=found.high,
            n=found.n,
            of="orders",
            setting=rows.setting,
            verdict=signed(found.estimate, found.low, found.high, 1),
        )


def draw(results: Mapping[str, Result]) -> dict[str, Figure]:
    """Draw the error over Kendall's tau."""
    return drawn(results["shuffle"], "shuffle")


def options(parser: argparse.ArgumentParser) -> None:
    """Add the script's own options."""
    parser.add_argument("--images", type=int, default=200, help="to test each order on")
    parser.add_argument("--draws", type=int, default=5, help="for each number of swaps")
    parser.add_argument("--most", type=int, default=20, help="swaps at most")


CAPTION = (
    "Error over Kendall's tau of the blocks' order: each order a faint mark, means over 0.05 of "
    "tau a line."
)

ANALYSIS = Analysis(
    file=__file__,
    kinds=("shuffle",),
    measure=measure,
    claims=claims,
    captions=captioned("shuffle", CAPTION),
    draw=draw,
    options=options,
    smoke={"images": 50, "draws": 3, "most": 3},
    own=tuple(
        Own(arch=arch)
        for arch in ("preresnet110", "resnet110", "preresnet56", "plain56", "plain20")
    ),
    any_networks=True,
)

if __name__ == "__main__":
    ANALYSIS.run()
