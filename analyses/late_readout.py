"""The answer forms gradually: the network's own head read after each block of the last stage.

Number    17
Question  Does the accuracy of the network's own head climb in many small steps over the blocks of
          the last stage? And that of linear probes over all blocks?
Command   python analyses/late_readout.py --ckpt resnet20.th --ckpt resnet32.th \
              --data folder:cifar10-jpeg --label "CIFAR-10, JPEG copies"
Full      resprobe train --arch preresnet110 --data cifar10 --out preresnet110.pt
          python analyses/late_readout.py --only-ckpt --ckpt preresnet110.pt --images 10000 \
              --fit-images 50000
Cost      One forward and backward pass over 5,000 images, one forward pass over the 10,000 that
          probes are fitted on: 9 min for the five networks on one core.
Source    Jastrzebski et al. 2018, Fig. 5; Alain and Bengio 2016.
Setting   Figure 5 is of a fully trained pre-activation ResNet-110 on CIFAR-10, the probes of a
          ResNet-50 on ImageNet. Here: published weights of ResNet-20 and 32, two networks of 110
          layers of width 8, and a plain one as a control. The last stage of a network of 20
          layers has too few blocks to be gradual in. Intervals of a step are as of other images
          at each block, not the same ones, and so too wide.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Mapping
from operator import attrgetter

import numpy as np
import pandas as pd
from kit.analysis import Analysis
from kit.claims import Claim, near, signed
from kit.nearness import captioned, drawn, nearest_first
from kit.networks import Own
from kit.readouts import SMOKE, probe_options, read_out
from matplotlib.figure import Figure

from resprobe.ranks import spearman
from resprobe.results import Result

FEWEST_STEPS = 4  # with three the largest is a third of the climb at least


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Read the answer after every block, by the network's own head and by linear probes."""
    return {"readout": read_out(asked, "readout", take=attrgetter("blocks"), probes=True)}


def claims(results: Mapping[str, Result]) -> Iterator[Claim]:
    """Judge the head's largest step, and the order of the probes."""
    probes = []
    for one in nearest_first(results["readout"]):
        rows = one.frame.sort_values("block")
        yield from _largest_step(rows[rows["head_accuracy"].notna()], one.setting)
        probes.append(_monotone(rows, one.setting))
    yield from probes


def _largest_step(read: pd.DataFrame, setting: str) -> Iterator[Claim]:
    accuracy = read["head_accuracy"].to_numpy()
    steps = np.diff(accuracy)
    climb = accuracy[-1] - accuracy[0]
    if len(steps) < FEWEST_STEPS or climb <= 0:
        return
    images = int(read["n"].iloc[0])
    largest, low, high = share_of_climb(accuracy, images)
    yield Claim(
        claim="the head's accuracy climbs gradually over the last stage: largest step of one "
        f"block over the whole climb, {len(steps)} steps",
        source="Jastrzebski et al. 2018, Fig. 5",
        published="very gradually; here: below a half",
        measured=largest, low=low, high=high, n=images, of="images",
        setting=f"{setting}; interval unpaired", percent=True,
        verdict=signed(largest - 0.5, low - 0.5, high - 0.5, -1),
    )  # fmt: skip


def share_of_climb(accuracy: np.ndarray, n: int) -> tuple[float, float, float]:
    """Return the largest step over the whole climb, and 95 % around it by the delta method.

    As if each accuracy were of ``n`` images of its own: unpaired, and so too wide.

    Examples
    --------
    >>> share, low, high = share_of_climb(np.array([0.1, 0.2, 0.5, 0.6]), 400)
    >>> round(share, 3), round(low, 3), round(high, 3)
    (0.6, 0.457, 0.743)
    """
    step = int(np.argmax(np.diff(accuracy)))
    climb = float(accuracy[-1] - accuracy[0])
    share = float(accuracy[step + 1] - accuracy[step]) / climb
    weights = np.zeros(len(accuracy))
    weights[[step + 1, step]] += 1, -1
    weights[[-1, 0]] -= share, -share
    half = 1.96 * math.sqrt((weights**2 * accuracy * (1 - accuracy)).sum() / n) / climb
    return share, share - half, share + half


def _monotone(rows: pd.DataFrame, setting: str) -> Claim:
    rank = spearman(rows["block"].tolist(), rows["probe_accuracy"].tolist())
    return Claim(
        claim="linear probes read ever better: rank correlation of block and accuracy",
        source="Alain and Bengio 2016", published="monotone: 1", measured=rank.estimate,
        low=rank.low, high=rank.high, n=rank.n, of="blocks", setting=setting,
        verdict=near(rank.estimate, 1.0, low=rank.low, high=rank.high, away_from=0.0),
    )  # fmt: skip


def draw(results: Mapping[str, Result]) -> dict[str, Figure]:
    """Draw the accuracies along the depth; the table holds cosines and errors, too."""
    result = results["readout"]
    kept = [c for c in result.frame if not str(c).startswith(("cosine", "error", "stage_std"))]
    return drawn(Result(result.name, result.frame[kept], result.meta), "readout")


ANALYSIS = Analysis(
    file=__file__,
    kinds=("readout",),
    measure=measure,
    claims=claims,
    captions=captioned("readout", "Accuracy after each block, by probes and the network's head."),
    draw=draw,
    options=probe_options,
    smoke=SMOKE,
    own=(Own(arch="preresnet110"), Own(arch="resnet110"), Own(arch="plain20")),
    any_networks=True,
)

if __name__ == "__main__":
    ANALYSIS.run()
