"""Stochastic depth trains 40 of 54 blocks on average, a quarter less work, with larger gradients.

Number    21
Question  Are (3L - 1) / 4 = 40.25 of 54 blocks computed in training, a quarter less work; is the
          test error lower than with constant depth (5.25 % against 6.41 %), and the gradient of
          the first block larger in every epoch?
Command   python analyses/stochastic_depth.py
Full      resprobe train --arch resnet110 --data cifar10 --recipe huang2016-stochastic-depth \
              --test-curve --watch 100 --seeds 3 --device cuda --out constant.pt
          resprobe train --arch resnet110:survival=0.5 --data cifar10 --test-curve --watch 100 \
              --recipe huang2016-stochastic-depth --seeds 3 --device cuda --out stochastic.pt
          python analyses/stochastic_depth.py --only-ckpt --ckpt constant-seed0.pt \
              --ckpt constant-seed1.pt --ckpt constant-seed2.pt --ckpt stochastic-seed0.pt \
              --ckpt stochastic-seed1.pt --ckpt stochastic-seed2.pt
Cost      Five seconds; training the six networks takes an hour on one core of a server CPU.
Source    Huang et al. 2016, sections 3 and 4, Table 1, Fig. 7.
Setting   The schedule as published; trained networks have a quarter of the width, and 10 of 500
          epochs on 4,500 images of Fashion-MNIST.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from kit.analysis import Analysis
from kit.claims import Claim, Verdict, near, signed
from kit.comparisons import Pair, compared, differences, spreads
from kit.curves import ERROR, Curve, Shown, curves
from kit.dropping import drawn_blocks, first_gradients, work_of
from kit.runs import add_seeds, chosen, deep, together
from matplotlib.figure import Figure

from resprobe import Architecture
from resprobe.networks.stochastic import survival_probabilities
from resprobe.results import Result
from resprobe.statistics import mean_interval, spread

CONSTANT, STOCHASTIC = "constant depth", "stochastic depth"
OWN = (*deep("resnet110"), *deep("resnet110:survival=0.5"))
FIGURES = ("test_error_best", "test_error", "train_error", "train_loss")
PUBLISHED = "resnet110:survival=0.5"
SOURCE = "Huang et al. 2016"
DRAWS = 2_000


def name_of(network: Architecture) -> str:
    """Return what a network is in this comparison."""
    return STOCHASTIC if network.survival < 1 else CONSTANT


def pair(figure: str) -> Pair:
    """Compare stochastic with constant depth."""
    return Pair(first=STOCHASTIC, second=CONSTANT, figure=figure)


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Draw blocks, and read what the trainings and their watches left."""
    networks = chosen(asked, OWN)
    epochs, runs = together(networks, name_of)
    gradients = first_gradients(networks, epochs.frame, name_of)
    by_epoch = epochs.frame.merge(gradients, on=["name", "seed", "epoch"], validate="one_to_one")
    pairs = [pair(figure) for figure in FIGURES]
    table = pd.concat([spreads(runs, FIGURES), differences(runs, pairs)], ignore_index=True)
    network = Architecture.parse(PUBLISHED)
    meta = {**epochs.meta, "drawn": network.spec}
    return {
        "epochs": Result("runs-epochs", by_epoch, meta),
        "runs": Result("stochastic-depth-runs", runs, meta),
        "table": Result("stochastic-depth-table", table, meta),
        "work": Result("stochastic-depth-work", work_of(network), meta),
        "drawn": Result("stochastic-depth-drawn", drawn_blocks(network, DRAWS), meta),
    }


def claims(results: Mapping[str, Result]) -> Iterable[Claim]:
    """Look at the schedule, then at the trained networks."""
    yield from schedule_claims(results["drawn"].frame, results["work"].frame)
    runs, setting = results["runs"].frame, "; ".join(results["runs"].meta["setting"])
    yield compared(
        runs,
        pair("test_error_best"),
        claim="test error, where the validation error is lowest, less that of constant depth",
        source=f"{SOURCE}, Table 1",
        published="-1.16 points (5.25 % against 6.41 %)",
        setting=setting,
        sign=-1,
        number=-0.0116,
    )
    yield from gradient_claims(results["epochs"].frame, setting)


def schedule_claims(drawn: pd.DataFrame, work: pd.DataFrame) -> Iterable[Claim]:
    """Compare what the layers draw with the rule, and what that saves."""
    blocks = len(work) - 1
    exact = sum(survival_probabilities(blocks, 0.5))
    setting = f"the layers of a ResNet of {blocks} blocks, in training mode"
    live, low, high = _mean(drawn["computed"])
    shared = {"n": len(drawn), "of": "mini-batches", "setting": setting}
    yield Claim(
        claim=f"blocks of {blocks} that a mini-batch computes: mean",
        source=f"{SOURCE}, section 3",
        published="40.25, (3L - 1) / 4",
        measured=live,
        low=low,
        high=high,
        verdict=near(live, 40.25, low=low, high=high),
        **shared,
    )
    yield Claim(
        claim="the same by the rule p_l = 1 - (l / L) / 2, summed over the blocks",
        source=f"{SOURCE}, equation 4",
        published="40.25",
        measured=exact,
        n=blocks,
        of="blocks",
        setting="exact",
        verdict=near(exact, 40.25, tolerance=1e-12),
    )
    whole = work["multiply_adds"].sum()
    branches = work.set_index("block")["multiply_adds"].drop(-1)
    saved = float((branches * (1 - work.set_index("block")["survival"].drop(-1))).sum() / whole)
    found, low, high = _mean(drawn["multiply_adds"] / whole)
    yield Claim(
        claim="share of the multiply-adds that is saved, expected by the rule",
        source=f"{SOURCE}, section 3",
        published="25 % less time, to two digits",
        measured=saved,
        n=blocks,
        of="blocks",
        setting=f"{setting}; multiply-adds, exact",
        verdict=near(round(saved, 2), 0.25),
        percent=True,
    )
    yield Claim(
        claim="share of the multiply-adds that is saved, in mini-batches",
        source=f"{SOURCE}, section 3",
        published="25 % less time",
        measured=1 - found,
        low=1 - high,
        high=1 - low,
        verdict=near(1 - found, 0.25, low=1 - high, high=1 - low, tolerance=0.02),
        percent=True,
        **shared,
    )


def _mean(values: pd.Series) -> tuple[float, float, float]:
    low, high = mean_interval(len(values), values.mean(), (values**2).mean())
    return float(values.mean()), low, high


def gradient_claims(epochs: pd.DataFrame, setting: str) -> Iterable[Claim]:
    """Compare the first block's gradient, epoch by epoch and seed by seed."""
    by_name = epochs.pivot_table(index=["seed", "epoch"], columns="name", values="gradient")
    both = by_name.reindex(columns=[STOCHASTIC, CONSTANT]).dropna()
    about = {"source": f"{SOURCE}, Fig. 7", "setting": f"{setting}; norm of the gradient of all "
             "weights of the first block, mean over the watched steps of an epoch"}  # fmt: skip
    if both.empty:
        yield Claim(
            claim="gradient of the first block over that of constant depth, mean of logarithms",
            published="above 0 in every epoch",
            verdict=Verdict.NOT_TESTABLE,
            **about,
        )
        return
    logs = np.log(both[STOCHASTIC] / both[CONSTANT])
    found = spread(logs.groupby("seed").mean().tolist())
    yield Claim(
        claim="gradient of the first block over that of constant depth: mean of the logarithms",
        published="above 0",
        measured=found.mean,
        low=found.low,
        high=found.high,
        n=found.n,
        of="seed" if found.n == 1 else "seeds",
        verdict=signed(found.mean, found.low, found.high, 1),
        **about,
    )
    share = float((logs > 0).mean())
    some = Verdict.SAME_DIRECTION if share > 0.5 else Verdict.NOT_REPRODUCED
    yield Claim(
        claim="share of the epochs in which the gradient is larger than with constant depth",
        published="all",
        measured=share,
        n=len(logs),
        of="epochs",
        verdict=Verdict.REPRODUCED if share == 1 else some,
        percent=True,
        **about,
    )


def draw(results: Mapping[str, Result]) -> dict[str, Figure]:
    """Draw the trainings with the first block's gradient, and how far apart they end."""
    shown = [
        Shown(pair=pair("test_error_best"), label="test error,\nbest epoch", published=-0.0116),
        Shown(pair=pair("test_error"), label="test error,\nlast epoch"),
        Shown(pair=pair("train_error"), label="training error"),
    ]
    gradient = Curve(column="gradient", label="Gradient norm, first block", log=True)
    made = curves(results["epochs"], results["runs"].frame, shown, drawn=(ERROR, gradient),
                  measured="Stochastic less constant")  # fmt: skip
    return {"epochs": made}


ANALYSIS = Analysis(
    file=__file__,
    kinds=("epochs", "runs", "table", "work", "drawn"),
    measure=measure,
    claims=claims,
    draw=draw,
    captions={
        "epochs": "Test error and the gradient of the first block over the epochs, and the "
        "differences in the end; faint lines are single seeds."
    },
    options=add_seeds,
    smoke={"seeds": "0"},
    own=OWN,
    any_networks=True,
)

if __name__ == "__main__":
    ANALYSIS.run()
