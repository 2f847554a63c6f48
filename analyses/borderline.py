"""The last blocks repair images that the network is unsure of, and cost the others a little.

Number    27
Question  Of the images whose two most probable classes are close before the last blocks, do these
          blocks set right more than they break? And do the other images lose a little?
Command   python analyses/borderline.py --ckpt resnet20.th --ckpt resnet32.th \
              --data folder:cifar10-jpeg --label "CIFAR-10, JPEG copies"
Full      resprobe train --arch preresnet110 --data cifar10 --out preresnet110.pt
          python analyses/borderline.py --only-ckpt --ckpt preresnet110.pt --images 10000
Cost      One forward and backward pass over 5,000 images: 4 min for the five networks on one core.
Source    Jastrzebski et al. 2018, section 4.2 and Fig. 6.
Setting   Figure 6 is of a fully trained pre-activation ResNet-110 on CIFAR-10; its borderline
          images are less than 10 % of probability from another answer. Here: those whose two most
          probable classes are less than 0.1 apart, judged by the head before the last five
          blocks, in two networks of 110 layers of width 8. Published weights of ResNet-20 and 32
          and a plain control are in the figures only: their last stages have three to five
          blocks, so that nothing stands before the last five. Intervals are as of two sets of
          images, not one seen twice, and so too wide.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Mapping
from operator import attrgetter

import pandas as pd
from kit.analysis import Analysis
from kit.claims import Claim, Verdict, signed
from kit.nearness import captioned, drawn, nearest_first
from kit.networks import Own
from kit.readouts import SMOKE, options, read_out
from matplotlib.figure import Figure

from resprobe.results import Result

SOURCE = "Jastrzebski et al. 2018, Fig. 6"
LAST = 5


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Count what the last blocks do for both groups of images."""
    return {"borderline": read_out(asked, "borderline", take=attrgetter("borderline"))}


def claims(results: Mapping[str, Result]) -> Iterator[Claim]:
    """Judge the rise of either group's accuracy where the last stage is long enough."""
    short = []
    for one in nearest_first(results["borderline"]):
        rows = one.frame[one.frame["judged"] == "before"]
        blocks = rows["block"].nunique()
        if blocks > LAST:
            yield from _rises(rows, one.setting)
        else:
            short.append(_too_short(blocks, one.setting))
    yield from short
    yield Claim(
        claim="accuracy of borderline images when the last block is applied 20 times more, scaled",
        source="Jastrzebski et al. 2018, section 4.3", published="43 % before, 53 % after",
        setting="wants four networks trained so on CIFAR-10 itself, on a GPU",
        verdict=Verdict.NOT_TESTABLE,
    )  # fmt: skip


def _rises(rows: pd.DataFrame, setting: str) -> Iterator[Claim]:
    for group, sign, words, published in (
        ("borderline", 1, "repair borderline images", "rises"),
        ("confident", -1, "cost the other images a little", "falls a little"),
    ):
        some = rows[rows["group"] == group].sort_values("block")
        if some.empty or not some["n"].iloc[0]:
            continue
        rise, low, high = risen(some.iloc[-1 - LAST], some.iloc[-1])
        yield Claim(
            claim=f"the last {LAST} blocks {words}: rise of their accuracy",
            source=SOURCE, published=published, measured=rise, low=low, high=high,
            n=some["n"].iloc[-1], of="images", setting=setting, percent=True,
            verdict=signed(rise, low, high, sign),
        )  # fmt: skip


def _too_short(blocks: int, setting: str) -> Claim:
    """Judge nothing where the head would be read before the last stage, or as it begins."""
    return Claim(
        claim=f"the last {LAST} blocks repair borderline images and cost the others a little",
        source=SOURCE, published="rises; falls a little",
        setting=f"{setting}; its last stage has {blocks} blocks, and the claim wants more than "
        f"{LAST}: a deeper network",
        verdict=Verdict.NOT_TESTABLE,
    )  # fmt: skip


def risen(first: pd.Series, last: pd.Series) -> tuple[float, float, float]:
    """Return the difference of two accuracies, with its interval as of two sets of images.

    References
    ----------
    R. G. Newcombe, Statistics in Medicine 17, 873 (1998), method 10.
    """
    p, q = float(last["accuracy"]), float(first["accuracy"])
    below = math.hypot(p - last["accuracy_low"], first["accuracy_high"] - q)
    above = math.hypot(last["accuracy_high"] - p, q - first["accuracy_low"])
    return p - q, p - q - below, p - q + above


def draw(results: Mapping[str, Result]) -> dict[str, Figure]:
    """Draw the accuracy of both groups over the last blocks."""
    return drawn(results["borderline"], "borderline")


ANALYSIS = Analysis(
    file=__file__,
    kinds=("borderline",),
    measure=measure,
    claims=claims,
    captions=captioned("borderline", "Accuracy of borderline and of all other images."),
    draw=draw,
    options=options,
    smoke=SMOKE,
    own=(Own(arch="preresnet110"), Own(arch="resnet110"), Own(arch="plain20")),
    any_networks=True,
)

if __name__ == "__main__":
    ANALYSIS.run()
