"""Later blocks change less: the branch beside its shortcut falls within a stage.

Number    16
Question  Does the mean of ||F(x)|| / ||s(x)|| fall from block to block of a stage? And does the
          activation behind the sum, where there is one, cut off less than half of it?
Command   python analyses/branch_sizes.py --ckpt resnet20.th --ckpt resnet32.th \
              --data folder:cifar10-jpeg --label "CIFAR-10, JPEG copies"
Full      resprobe train --arch preresnet110 --data cifar10 --out preresnet110.pt
          python analyses/branch_sizes.py --only-ckpt --ckpt preresnet110.pt --images 10000
Cost      One forward pass over 1,000 images: a minute for the seven networks on one core.
Source    Jastrzebski et al. 2018, Fig. 2; He et al. 2016, section 4.1.
Setting   Figure 2 is of fully trained pre-activation networks on CIFAR-10. Here: published weights
          of ResNet-20 and 32, with the activation behind the sum, and networks of 20, 56 and 110
          layers of width 8.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Mapping

import numpy as np
from kit.analysis import Analysis
from kit.claims import Claim, Verdict, signed
from kit.nearness import captioned, drawn, nearest_first
from kit.networks import Own, seeds
from kit.subjects import Subject
from kit.tables import Rows, measured_once
from matplotlib.figure import Figure
from scipy.stats import t as student
from torch import nn

from resprobe import magnitude
from resprobe.chain import ResidualBlock
from resprobe.results import Result
from resprobe.statistics import spread

SIZES = "Jastrzebski et al. 2018, Fig. 2"
FEWEST_BLOCKS = 4


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Measure every branch against its shortcut."""

    def part(read: Subject) -> Result:
        sums = [block for block in read.chain.blocks if isinstance(block, ResidualBlock)]
        bare = all(isinstance(block.after, nn.Identity) for block in sums)
        about = {**read.about, "bare_sum": bare}
        shown = read.shown(asked.images)
        return magnitude(read.chain, shown, network=read.name, about=about).blocks

    return {"magnitude": measured_once(asked, "magnitude", part)}


def claims(results: Mapping[str, Result]) -> Iterator[Claim]:
    """Judge the slope of each network within stages, then what is cut off behind its sums."""
    residual = [one for one in nearest_first(results["magnitude"]) if not one.facts["plain"]]
    for one in residual:
        rows = one.frame[one.frame["kind"] == "identity"]
        if len(rows) < FEWEST_BLOCKS:
            continue
        slope, low, high = slope_within(
            rows["stage"].to_numpy(), rows["block"].to_numpy(), np.log(rows["ratio"].to_numpy())
        )
        yield Claim(
            claim="log of ||F|| / ||s||, slope per block within stages",
            source=SIZES, published="below 0 (falls within a stage)",
            measured=slope, low=low, high=high, n=len(rows), of="blocks",
            setting=one.setting, verdict=signed(slope, low, high, -1),
        )  # fmt: skip
    yield Claim(
        claim="||F|| / ||s|| in the first blocks of a network of one width",
        source=SIZES, published="up to about 2, then falls",
        setting="wants a network of 10 blocks of 100 channels without transitions, trained on "
        "CIFAR-10 itself for 300 epochs, on a GPU",
        verdict=Verdict.NOT_TESTABLE,
    )  # fmt: skip
    for one in residual:
        if not one.facts["bare_sum"]:
            yield _cut_off(one)


def slope_within(groups: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """Return the common slope of lines that each group has at its own height, and 95 % around it.

    Examples
    --------
    >>> slope, low, high = slope_within(
    ...     np.array([1, 1, 1, 2, 2, 2]), np.array([0, 1, 2, 3, 4, 5]),
    ...     np.array([5.0, 4.1, 3.0, 9.0, 8.0, 6.9]))
    >>> round(slope, 3), low < -1 < high
    (-1.025, True)
    """
    centred = []
    for values in (x.astype(float), y.astype(float)):
        means = {group: values[groups == group].mean() for group in np.unique(groups)}
        centred.append(values - np.array([means[group] for group in groups]))
    dx, dy = centred
    slope = float((dx * dy).sum() / (dx * dx).sum())
    degrees = len(x) - len(np.unique(groups)) - 1
    left = float(((dy - slope * dx) ** 2).sum())
    error = math.sqrt(left / degrees / float((dx * dx).sum())) if degrees > 0 else math.nan
    half = float(student.ppf(0.975, degrees)) * error if degrees > 0 else math.nan
    return slope, slope - half, slope + half


def _cut_off(one: Rows) -> Claim:
    found = spread(one.frame["negative_share"].tolist())
    return Claim(
        claim="share of the sum below 0, which the ReLU behind it cuts off: mean over blocks",
        source="He et al. 2016, section 4.1",
        published="below one half (y is mostly positive after some training)",
        measured=found.mean, low=found.low, high=found.high, n=found.n, of="blocks",
        setting=one.setting, percent=True,
        verdict=signed(found.mean - 0.5, found.low - 0.5, found.high - 0.5, -1),
    )  # fmt: skip


def options(parser: argparse.ArgumentParser) -> None:
    """Add how many images are looked at."""
    parser.add_argument("--images", type=int, default=1_000, help="to look at")


def draw(results: Mapping[str, Result]) -> dict[str, Figure]:
    """Draw size, angle and what is cut off; of networks that differ in their seed the first."""
    result = results["magnitude"]
    firsts: dict[tuple[object, ...], str] = {}
    for one in nearest_first(result):
        if not one.facts["plain"]:
            kind = (one.facts["training"], one.blocks, one.facts["bare_sum"])
            firsts.setdefault(kind, one.network)
    return drawn(result, "magnitude", firsts.values())


ANALYSIS = Analysis(
    file=__file__,
    kinds=("magnitude",),
    measure=measure,
    claims=claims,
    captions=captioned(
        "magnitude", "Branches beside shortcuts: size, angle, and the share of the sum below 0."
    ),
    draw=draw,
    options=options,
    smoke={"images": 20},
    own=(
        Own(arch="preresnet110"), Own(arch="resnet110"), Own(arch="resnet56"),
        *seeds(Own(arch="resnet20"), 2),
    ),
    any_networks=True,
)  # fmt: skip

if __name__ == "__main__":
    ANALYSIS.run()
