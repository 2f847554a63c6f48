"""Images are decided early or late: after how many blocks a probe's answer is stable.

Number    30
Question  Are 39 to 43 % of the images decided in the first third of the depth, and do 39 to 54 %
          need more than 70 % of it?
Command   python analyses/decision_depth.py --ckpt resnet20.th --ckpt resnet32.th \
              --data folder:cifar10-jpeg --label "CIFAR-10, JPEG copies"
Full      python analyses/decision_depth.py --only-ckpt --ckpt resnet50-0676ba61.pth \
              --ckpt resnet101-63fe2227.pth --data imagenet:data/imagenet --images 50000
Cost      One forward and backward pass over 5,000 images, one forward pass over the 10,000 that
          probes are fitted on: 9 min for the five networks on one core.
Source    "When do models actually decide?", CVPR 2026 (abstract).
Setting   The paper probes networks for ImageNet, layer by layer. Here: linear probes after each
          block, and an answer that the next two blocks repeat; published weights of ResNet-20 and
          32 for CIFAR-10, two networks of 110 layers of width 8, and a plain one as a control.
          Ten classes are decided more easily than a thousand.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from operator import attrgetter

import pandas as pd
from kit.analysis import Analysis
from kit.claims import Claim, near
from kit.nearness import captioned, drawn, nearest_first
from kit.networks import Own
from kit.readouts import SMOKE, probe_options, read_out
from matplotlib.figure import Figure

from resprobe.results import Result
from resprobe.statistics import wilson

SOURCE = "CVPR 2026, When do models actually decide?"
THERE = "ResNet-50 and 101, ImageNet there"


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Count the images that each block decides."""
    return {"decisions": read_out(asked, "decisions", take=attrgetter("decisions"), probes=True)}


def claims(results: Mapping[str, Result]) -> Iterator[Claim]:
    """Judge the shares of early and late decisions, and the mean depth."""
    for one in nearest_first(results["decisions"]):
        rows = one.frame[one.frame["method"] == "probe-stable"].sort_values("block")
        yield from _shares(rows, one.setting)
        yield _mean_depth(rows.iloc[0], one.setting)


def _shares(rows: pd.DataFrame, setting: str) -> Iterator[Claim]:
    blocks = len(rows) - 1  # the last row is what no block decides
    depth = rows["block"] + 1
    n = int(rows["n"].iloc[0])
    for words, published, chosen in (
        ("in the first third", (0.39, 0.43), depth <= blocks / 3),
        ("beyond 70 % of the depth", (0.39, 0.54), depth > 0.7 * blocks),
    ):
        images = int(rows.loc[chosen, "images"].sum())
        low, high = wilson(images, n)
        middle = sum(published) / 2
        yield Claim(
            claim=f"share of images that a probe decides (and two blocks confirm) {words}",
            source=SOURCE,
            published=f"{100 * published[0]:.0f} to {100 * published[1]:.0f} % ({THERE})",
            measured=images / n, low=low, high=high, n=n, of="images", setting=setting,
            percent=True,
            verdict=near(images / n, middle, low=low, high=high,
                         tolerance=published[1] / middle - 1),
        )  # fmt: skip


def _mean_depth(row: pd.Series, setting: str) -> Claim:
    return Claim(
        claim="blocks until a probe decides (and two blocks confirm), mean over images",
        source=SOURCE, published=f"5.5 to 5.6 layers ({THERE})",
        measured=row["depth"], low=row["depth_low"], high=row["depth_high"],
        n=row["n"], of="images", setting=setting,
        verdict=near(row["depth"], 5.55, low=row["depth_low"], high=row["depth_high"],
                     tolerance=0.05 / 5.55),
    )  # fmt: skip


def draw(results: Mapping[str, Result]) -> dict[str, Figure]:
    """Draw the share of images that each block decides."""
    return drawn(results["decisions"], "decisions")


ANALYSIS = Analysis(
    file=__file__,
    kinds=("decisions",),
    measure=measure,
    claims=claims,
    captions=captioned(
        "decisions", "The block from which on the answer of probe or head stays the network's."
    ),
    draw=draw,
    options=probe_options,
    smoke=SMOKE,
    own=(Own(arch="preresnet110"), Own(arch="resnet110"), Own(arch="plain20")),
    any_networks=True,
)

if __name__ == "__main__":
    ANALYSIS.run()
