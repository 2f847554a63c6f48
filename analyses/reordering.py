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
from kit.random_lesions import OWN, SMOKE, add_options, random_lesions
from matplotlib.figure import Figure

from resprobe import studies
from resprobe.ranks import spearman
from resprobe.results import Result


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Swap pairs of blocks that are drawn at random."""
    return {
        "shuffle": random_lesions(
            asked, "shuffle", studies.Shuffle, lambda chain: len(chain.blocks)
        ),
    }


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
    add_options(parser, "order", "swaps")


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
    smoke=SMOKE,
    own=OWN,
    any_networks=True,
)

if __name__ == "__main__":
    ANALYSIS.run()
