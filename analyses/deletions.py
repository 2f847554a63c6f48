"""Many deletions degrade a residual network smoothly.

Number    5
Question  k blocks are deleted at random. Does the error grow smoothly with k, to around 20 % when
          10 of 54 are gone, and is the drop severe by 20?
Command   python analyses/deletions.py --ckpt resnet20.th --ckpt resnet32.th \
              --data folder:cifar10-jpeg --label "CIFAR-10, JPEG copies"
Full      resprobe train --arch preresnet110 --data cifar10 --recipe he2015-cifar \
          --out preresnet110.pt
          python analyses/deletions.py --only-ckpt --ckpt preresnet110.pt --images 10000 --draws 50
Cost      1 to 5 min for each network on one core: 100 lesions of up to 20 blocks.
Source    Veit et al. 2016, Fig. 5a.
Setting   The paper's network is a pre-activation ResNet-110 that was trained on CIFAR-10. Here:
          narrow networks after short trainings, and published weights of ResNet-20 and 32; 10 and
          20 of 54 are scaled to the number of blocks. A plain network is drawn beside them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping

from kit.analysis import Analysis
from kit.claims import Claim, near, signed
from kit.nearness import captioned, drawn, nearest_first
from kit.random_lesions import OWN, SMOKE, add_options, random_lesions
from kit.tables import Rows
from matplotlib.figure import Figure

from resprobe import studies
from resprobe.ranks import spearman
from resprobe.results import Result
from resprobe.statistics import spread

PAPER = 54  # blocks of the paper's network


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Delete sets of blocks that are drawn at random."""
    return {
        "random": random_lesions(
            asked,
            "random",
            studies.Random,
            lambda chain: sum(block.deletable for block in chain.blocks),
        ),
    }


def claims(results: Mapping[str, Result]) -> Iterable[Claim]:
    """Compare the error with k blocks deleted, network by network."""
    for rows in nearest_first(results["random"]):
        if not rows.facts["plain"]:
            yield from _of(rows)


def _of(rows: Rows) -> Iterable[Claim]:
    intact = float(rows.frame.loc[rows.frame["k"] == 0, "error"].iloc[0])
    drawn = rows.frame[rows.frame["k"] > 0]
    setting = f"{rows.setting}; intact error {100 * intact:.1f} %"
    shared = {"source": "Veit et al. 2016, Fig. 5a", "setting": setting}
    for of_paper in (10, 20):
        k = scaled(of_paper, rows.blocks)
        errors = drawn.loc[drawn["k"] == k, "error"].tolist()
        if not errors:
            continue
        found = spread(errors)
        low, high = max(0.0, found.low), min(1.0, found.high)
        half = (intact + rows.chance) / 2
        yield Claim(
            claim=f"error with {k} of {rows.blocks} blocks deleted at random"
            + ("" if k == of_paper else f" ({of_paper} of {PAPER}, scaled)"),
            published="around 20 %" if of_paper == 10
            else f"a severe drop: beyond half of the way to chance, {100 * half:.0f} %",
            measured=found.mean, low=low, high=high, n=found.n, of="draws", percent=True,
            verdict=near(found.mean, 0.2, low=low, high=high, away_from=half)
            if of_paper == 10
            else signed(found.mean - half, low - half, high - half, 1),
            **shared,
        )  # fmt: skip
    means = drawn.groupby("k")["error"].mean()
    trend = spearman(means.index.tolist(), means.tolist())
    yield Claim(
        claim="rank correlation of the mean error and the number of blocks deleted",
        published="above 0: the error grows smoothly",
        measured=trend.estimate, low=trend.low, high=trend.high, n=trend.n,
        of="numbers of blocks", verdict=signed(trend.estimate, trend.low, trend.high, 1),
        **shared,
    )  # fmt: skip


def scaled(blocks: int, of: int) -> int:
    """Return the number of blocks that is the same share of another network.

    Examples
    --------
    >>> scaled(10, 54), scaled(10, 27), scaled(20, 9)
    (10, 5, 3)
    """
    return round(blocks * of / PAPER)


def draw(results: Mapping[str, Result]) -> dict[str, Figure]:
    """Draw the error over the number of blocks deleted."""
    return drawn(results["random"], "random")


def options(parser: argparse.ArgumentParser) -> None:
    """Add the script's own options."""
    add_options(parser, "deletion", "blocks deleted")


CAPTION = (
    "Error with k blocks deleted at random: each draw a faint mark, the mean a line. Of plain "
    "networks only blocks that keep the shape are deleted."
)

ANALYSIS = Analysis(
    file=__file__,
    kinds=("random",),
    measure=measure,
    claims=claims,
    captions=captioned("random", CAPTION),
    draw=draw,
    options=options,
    smoke=SMOKE,
    own=OWN,
    any_networks=True,
)

if __name__ == "__main__":
    ANALYSIS.run()
