"""Activation before the weights trains a network of 110 layers to a lower test error.

Number    32
Question  Has a pre-activation ResNet-110 a lower test error than the original one (6.37 % against
          6.61 %), and does the original's ReLU after the addition truncate little, since most of
          what it takes is positive?
Command   python analyses/preactivation.py
Full      resprobe train --arch resnet110 --data cifar10 --recipe he2015-cifar --test-curve \
              --seeds 5 --device cuda --out original.pt
          resprobe train --arch preresnet110 --data cifar10 --recipe he2015-cifar --test-curve \
              --seeds 5 --device cuda --out before.pt
          python analyses/preactivation.py --only-ckpt --ckpt original-seed0.pt \
              --ckpt original-seed1.pt --ckpt original-seed2.pt --ckpt before-seed0.pt \
              --ckpt before-seed1.pt --ckpt before-seed2.pt
Cost      Half a minute; training the six networks takes an hour on one core of a server CPU.
Source    He et al. 2016, section 4 and Tables 2 and 3.
Setting   A quarter of the width, 10 epochs on 4,500 images of Fashion-MNIST.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping

import pandas as pd
from kit.analysis import Analysis
from kit.claims import Claim, Verdict, signed
from kit.comparisons import Pair, compared, differences, spreads
from kit.curves import ERROR, LOSS, Shown, curves
from kit.runs import add_seeds, chosen, deep, name_and_seed, together
from kit.subjects import Network, Subject
from matplotlib.figure import Figure
from torch import nn

from resprobe import Architecture, load, magnitude
from resprobe.chain import ResidualBlock
from resprobe.networks import Order
from resprobe.results import Result
from resprobe.statistics import spread

ORIGINAL, BEFORE = "original", "pre-activation"
OWN = (*deep("resnet110"), *deep("preresnet110"))
FIGURES = ("test_error", "test_error_best", "train_error", "train_loss")
SOURCE = "He et al. 2016"
IMAGES = 500


def name_of(network: Architecture) -> str:
    """Return what a network is in this comparison."""
    return ORIGINAL if network.order is Order.ORIGINAL else BEFORE


def pair(figure: str) -> Pair:
    """Compare pre-activation with the original."""
    return Pair(first=BEFORE, second=ORIGINAL, figure=figure)


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Read what the trainings left, and look at the sums of the original networks."""
    networks = chosen(asked, OWN)
    epochs, runs = together(networks, name_of)
    pairs = [pair(figure) for figure in FIGURES]
    table = pd.concat([spreads(runs, FIGURES), differences(runs, pairs)], ignore_index=True)
    sums = [negatives(network) for network in networks if _is_original(network)]
    none = pd.DataFrame(columns=["seed", "block", "name", "stage", "negative", "n"])
    return {
        "epochs": epochs,
        "runs": Result("preactivation-runs", runs, epochs.meta),
        "table": Result("preactivation-table", table, epochs.meta),
        "sums": Result("preactivation-sums", pd.concat(sums) if sums else none, epochs.meta),
    }


def _is_original(network: Network) -> bool:
    return name_of(load(network.find()).architecture) == ORIGINAL


def negatives(network: Network) -> pd.DataFrame:
    """Return ``seed, block, name, stage, negative, n``: shares of what each last ReLU truncates."""
    _, seed = name_and_seed(load(network.find()), name_of)
    frame = truncated(network.read("test"), IMAGES)
    frame.insert(0, "seed", seed)
    return frame


def truncated(subject: Subject, images: int) -> pd.DataFrame:
    """Return for each block that ends with a ReLU the share of y < 0 of what it takes."""
    shown = subject.shown(images)
    frame = magnitude(subject.chain, shown).blocks.frame.rename(
        columns={"negative_share": "negative"}
    )
    ends = {
        block.name
        for block in subject.chain.blocks
        if isinstance(block, ResidualBlock) and not isinstance(block.after, nn.Identity)
    }
    kept = frame[frame["name"].isin(ends)].reset_index(drop=True)
    return kept[["block", "name", "stage", "negative"]].assign(n=shown.n)


def claims(results: Mapping[str, Result]) -> Iterable[Claim]:
    """Compare test errors, seed by seed, and look at what the last ReLUs truncate."""
    runs, setting = results["runs"].frame, "; ".join(results["runs"].meta["setting"])
    yield compared(
        runs,
        pair("test_error"),
        claim="test error of the pre-activation network less that of the original",
        source=f"{SOURCE}, Tables 2 and 3",
        published="-0.24 points (6.37 % against 6.61 %)",
        setting=setting,
        sign=-1,
        number=-0.0024,
    )
    sums = results["sums"].frame
    about = {
        "claim": "share of y < 0 before the ReLU after the addition, mean over blocks",
        "source": f"{SOURCE}, section 4.1",
        "published": "y is mostly positive after some training: below 50 %",
        "setting": f"original network; {setting}",
        "percent": True,
    }
    if sums.empty:
        yield Claim(verdict=Verdict.NOT_TESTABLE, **about)
        return
    found = spread(sums.groupby("seed")["negative"].mean().tolist())
    yield Claim(
        measured=found.mean,
        low=found.low,
        high=found.high,
        n=found.n,
        of="seed" if found.n == 1 else "seeds",
        verdict=signed(found.mean - 0.5, found.low - 0.5, found.high - 0.5, -1),
        **about,
    )


def draw(results: Mapping[str, Result]) -> dict[str, Figure]:
    """Draw the trainings, and how far apart they end."""
    shown = [
        Shown(pair=pair("test_error"), label="test error,\nlast epoch", published=-0.0024),
        Shown(pair=pair("test_error_best"), label="test error,\nbest epoch"),
        Shown(pair=pair("train_error"), label="training error"),
    ]
    made = curves(results["epochs"], results["runs"].frame, shown, drawn=(LOSS, ERROR),
                  measured="Pre-activation less original")  # fmt: skip
    return {"epochs": made}


ANALYSIS = Analysis(
    file=__file__,
    kinds=("epochs", "runs", "table", "sums"),
    measure=measure,
    claims=claims,
    draw=draw,
    captions={
        "epochs": "Training loss and test error over the epochs, and the differences in the end; "
        "faint lines are single seeds."
    },
    options=add_seeds,
    smoke={"seeds": "0"},
    own=OWN,
    any_networks=True,
)

if __name__ == "__main__":
    ANALYSIS.run()
