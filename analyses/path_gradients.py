"""The gradient of a path decays exponentially with its length.

Number    8
Question  What a path adds to the gradient of the input decays exponentially with the number of
          blocks that it goes through. Do 5 to 17 of 54 blocks, then, carry nearly all of it?
Command   python analyses/path_gradients.py --ckpt resnet20.th --ckpt resnet32.th \
              --data folder:cifar10-jpeg --label "CIFAR-10, JPEG copies"
Full      resprobe train --arch preresnet110 --data cifar10 --recipe he2015-cifar \
          --out preresnet110.pt
          python analyses/path_gradients.py --only-ckpt --ckpt preresnet110.pt --images 128 \
          --draws 1000
Cost      1 to 5 min for each network on one core: 5 backward passes for each length.
Source    Veit et al. 2016, Figs. 6b and 6c.
Setting   The paper samples 1,000 paths of each length of a pre-activation ResNet-110 that was
          trained on CIFAR-10, and batches of its training images. Here: 5 paths of each length,
          32 test images, narrow networks after short trainings and published weights of
          ResNet-20 and 32; lengths are shares of the number of blocks. A plain network has a
          single path. A decay is exponential where a straight line leaves at most 5 % of the
          variance of the norm's logarithm; its interval is that of the line, as if lengths were
          independent, and knows nothing of paths and images.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pandas as pd
from kit.analysis import Analysis
from kit.claims import Claim, Verdict, near, signed
from kit.nearness import captioned, drawn, nearest_first
from kit.networks import Own
from kit.tables import Rows, measured_once
from matplotlib.figure import Figure
from scipy.stats import linregress
from scipy.stats import t as student

from resprobe import paths
from resprobe.results import Result

SHORTEST, LONGEST = 5 / 54, 17 / 54
PUBLISHED_SHARE = 0.0045
LEFT = 0.05  # of the variance: about as much as can be seen beside a straight line


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Sample paths of every length, and measure the mean over all of them exactly."""
    return {
        "paths": measured_once(
            asked,
            "paths",
            lambda s: paths(
                s.chain, s.shown(asked.images), method="all", draws=asked.draws,
                network=s.name, seed=0, about=s.about,
            ),
        )
    }  # fmt: skip


def claims(results: Mapping[str, Result]) -> Iterable[Claim]:
    """Compare decay and effective lengths, network by network."""
    for rows in nearest_first(results["paths"]):
        sampled = rows.frame[rows.frame["method"] == "sampled"].sort_values("length")
        exact = rows.frame[rows.frame["method"] == "exact"]
        yield from _decay(rows, sampled)
        yield from _lengths(rows, sampled, "norms of sampled paths")
        yield from _lengths(rows, exact, "norm of the sum of all paths")
        share = float(sampled.loc[sampled["effective"], "paths_share"].sum())
        yield Claim(
            claim="share of all paths that have an effective length",
            source="Veit et al. 2016, Fig. 6c",
            published="0.45 %, to two digits",
            measured=share,
            percent=True,
            verdict=near(round(share, 4), PUBLISHED_SHARE, away_from=0.5),
            **_shared(rows),
        )


def _shared(rows: Rows) -> dict[str, object]:
    draws = int(rows.frame["draws"].max())
    return {
        "n": int(rows.frame["n"].iloc[0]), "of": "images",
        "setting": f"{rows.setting}, {draws} paths of each length",
    }  # fmt: skip


def _decay(rows: Rows, sampled: pd.DataFrame) -> Iterator[Claim]:
    """Fit a straight line to the logarithm of the norm."""
    some = sampled[sampled["norm"] > 0]
    line = decay(some["length"].to_numpy(float), some["norm"].to_numpy(float))
    factor, low, high, explained = line
    yield Claim(
        claim="norm of a path's gradient, over that of a path one block shorter (a straight line "
        f"through its logarithm leaves {100 * (1 - explained):.0f} % of the variance)",
        source="Veit et al. 2016, Fig. 6b",
        published="below 1: decays about exponentially; here: the line leaves at most "
        f"{100 * LEFT:.0f} %",
        measured=factor, low=low, high=high,
        verdict=decays(factor, low, high, explained),
        **{**_shared(rows), "n": len(some), "of": "lengths"},
    )  # fmt: skip


def decays(factor: float, low: float, high: float, explained: float) -> Verdict:
    """Judge a factor that should be below 1, of a decay that should be exponential."""
    found = signed(factor - 1, low - 1, high - 1, -1)
    straight = 1 - explained <= LEFT
    return Verdict.SAME_DIRECTION if found is Verdict.REPRODUCED and not straight else found


def decay(lengths: np.ndarray, norms: np.ndarray) -> tuple[float, float, float, float]:
    """Return the factor per block, 95 % around it, and the share of variance it explains.

    Examples
    --------
    >>> factor, low, high, explained = decay(np.arange(5.0), 3 * 0.5 ** np.arange(5.0))
    >>> round(factor, 6), round(explained, 6)
    (0.5, 1.0)
    """
    line = linregress(lengths, np.log(norms))
    half = float(student.ppf(0.975, len(lengths) - 2)) * float(line.stderr)
    ends = (line.slope, line.slope - half, line.slope + half)
    factor, low, high = (math.exp(end) for end in ends)
    return factor, low, high, float(line.rvalue) ** 2


def _lengths(rows: Rows, frame: pd.DataFrame, weighed_by: str) -> Iterator[Claim]:
    """Compare where most of the weight lies: number of paths times what one of them carries."""
    mode = float(frame.loc[frame["weight"].idxmax(), "length"]) / rows.blocks
    lengths = frame.loc[frame["effective"], "length"] / rows.blocks
    block = 1 / rows.blocks
    for claim, published, measured, verdict in (
        ("length that carries most", "below half of the blocks", mode,
         signed(mode - 0.5, math.nan, math.nan, -1)),
        ("shortest effective length", "9.3 % (5 of 54), to one block", lengths.min(),
         near(lengths.min(), SHORTEST, tolerance=block / SHORTEST, away_from=0.5)),
        ("longest effective length", "31.5 % (17 of 54), to one block", lengths.max(),
         near(lengths.max(), LONGEST, tolerance=block / LONGEST, away_from=0.5)),
    ):  # fmt: skip
        yield Claim(
            claim=f"{claim}, share of the blocks: {weighed_by}",
            source="Veit et al. 2016, Fig. 6c", published=published,
            measured=measured, percent=True, verdict=verdict, **_shared(rows),
        )  # fmt: skip


def draw(results: Mapping[str, Result]) -> dict[str, Figure]:
    """Draw number, norm and weight of the paths of each length."""
    return drawn(results["paths"], "paths")


def options(parser: argparse.ArgumentParser) -> None:
    """Add the script's own options."""
    parser.add_argument("--images", type=int, default=32, help="to take gradients at")
    parser.add_argument("--draws", type=int, default=5, help="paths of each length")


CAPTION = (
    "Paths of each length: how many there are, how large the gradient through one of them is, "
    "and the product of the two."
)

ANALYSIS = Analysis(
    file=__file__,
    kinds=("paths",),
    measure=measure,
    claims=claims,
    captions=captioned("paths", CAPTION),
    draw=draw,
    options=options,
    smoke={"images": 20, "draws": 3},
    own=(Own(arch="preresnet110"), Own(arch="resnet110"), Own(arch="preresnet56")),
    any_networks=True,
)

if __name__ == "__main__":
    ANALYSIS.run()
