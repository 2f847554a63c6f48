"""Deleting a transition costs more than deleting a typical block that keeps the shape.

Number    3
Question  Each block of a trained residual network is deleted in turn, y = x. Does the error rise
          noticeably only where the down-sampling blocks are deleted?
Command   python analyses/deletion.py --ckpt resnet20.th --ckpt resnet32.th \
              --data folder:cifar10-jpeg --label "CIFAR-10, JPEG copies"
Full      resprobe train --arch preresnet110 --data cifar10 --recipe he2015-cifar \
          --out preresnet110.pt
          python analyses/deletion.py --only-ckpt --ckpt preresnet110.pt --images 10000
Cost      1 to 5 min for each network on one core: L passes over half of the network for L blocks.
Source    Veit et al. 2016, Fig. 3.
Setting   The paper deletes blocks of a pre-activation ResNet-110 that was trained on CIFAR-10.
          Here: published weights of ResNet-20 and 32, and two networks of 54 blocks and width 8,
          one of them pre-activation, after 15 epochs of Fashion-MNIST. BatchNorm keeps its
          statistics. That typical blocks hardly matter at all is judged apart. Intervals of
          medians are over blocks; that of the difference holds the transitions' mean fixed, and
          neither knows of images.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping

import numpy as np
from kit.analysis import Analysis
from kit.claims import Claim, Verdict, signed
from kit.nearness import captioned, drawn, nearest_first
from kit.networks import Own
from kit.tables import Rows, measured_once
from matplotlib.figure import Figure

from resprobe import lesion, studies
from resprobe.results import Result
from resprobe.statistics import median_interval

NOTICEABLE = 0.01  # one point: what can be seen on the paper's axis, which goes from 0 to 1


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Delete every block in turn."""
    return {
        "single": measured_once(
            asked,
            "single",
            lambda s: lesion(
                s.chain, s.shown(asked.images), study=studies.Single(), network=s.name,
                about=s.about,
            ),
        )
    }  # fmt: skip


def claims(results: Mapping[str, Result]) -> Iterable[Claim]:
    """Compare blocks that keep the shape with transitions, network by network."""
    for rows in nearest_first(results["single"]):
        if not rows.facts["plain"]:
            yield from _of(rows)


def _of(rows: Rows) -> Iterable[Claim]:
    rises = {
        kind: rows.frame.loc[rows.frame["kind"] == kind, "error_rise"].to_numpy()
        for kind in ("identity", "transition")
    }
    identity, transition = rises["identity"], rises["transition"]
    middle = float(np.median(identity))
    low, high = median_interval(identity)
    intact = rows.frame.loc[rows.frame["lesion"] == "intact", "error"].iloc[0]
    shared = {
        "n": len(identity), "of": "identity blocks", "percent": True,
        "setting": f"{rows.setting}; intact error {100 * intact:.1f} %",
    }  # fmt: skip
    mean = float(transition.mean())
    yield Claim(
        claim="transitions cost more than the median identity block: rise of the error after one "
        f"deletion, median over identity blocks less the mean over the {len(transition)} "
        f"transitions, {100 * mean:.2f} % (held fixed)",
        source="Veit et al. 2016, Fig. 3",
        published="below 0: down-sampling blocks stand out",
        measured=middle - mean,
        low=low - mean,
        high=high - mean,
        verdict=signed(middle - mean, low - mean, high - mean, -1),
        **shared,
    )
    yield Claim(
        claim="rise of the error after one deletion, median over identity blocks",
        source="Veit et al. 2016, Fig. 3",
        published="not noticeable: below 1 point",
        measured=middle,
        low=low,
        high=high,
        verdict=unnoticed(middle, high),
        **shared,
    )
    noticed = int((identity >= NOTICEABLE).sum())
    most = float(identity.max())
    yield Claim(
        claim="rise of the error, the identity block that matters most "
        f"({noticed} of {len(identity)} cost a point or more)",
        source="Veit et al. 2016, Fig. 3",
        published="not noticeable: below 1 point",
        measured=most,
        low=_limit(rows, most, "low"),
        high=_limit(rows, most, "high"),
        verdict=unnoticed(most, _limit(rows, most, "high")),
        **{**shared, "n": rows.frame["n"].iloc[0], "of": "images"},
    )


def _limit(rows: Rows, rise: float, end: str) -> float:
    kept = rows.frame[(rows.frame["kind"] == "identity") & (rows.frame["error_rise"] == rise)]
    return float(kept[f"error_rise_{end}"].iloc[0])


def unnoticed(rise: float, high: float) -> Verdict:
    """Judge a rise that should not be noticeable."""
    if rise >= NOTICEABLE:
        return Verdict.NOT_REPRODUCED
    return Verdict.REPRODUCED if high < NOTICEABLE else Verdict.SAME_DIRECTION


def draw(results: Mapping[str, Result]) -> dict[str, Figure]:
    """Draw the error after each deletion."""
    return drawn(results["single"], "single")


def options(parser: argparse.ArgumentParser) -> None:
    """Add the script's own options."""
    parser.add_argument("--images", type=int, default=2_000, help="to test each deletion on")


CAPTION = (
    "Error after the deletion of each block; dashed lines are intact networks, open diamonds "
    "transitions."
)

ANALYSIS = Analysis(
    file=__file__,
    kinds=("single",),
    measure=measure,
    claims=claims,
    captions=captioned("single", CAPTION),
    draw=draw,
    options=options,
    smoke={"images": 100},
    own=(Own(arch="preresnet110"), Own(arch="resnet110"), Own(arch="preresnet56")),
    any_networks=True,
)

if __name__ == "__main__":
    ANALYSIS.run()
