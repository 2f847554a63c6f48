"""Ten epochs of Adam are enough to see what shortcuts are worth: at 20 layers, and not at 8.

Number    14
Question  After ten epochs of Adam with a cosine, is a residual network of 20 layers 2.48 points
          more accurate than its plain counterpart, and one of 8 layers no better?
Command   python analyses/small_budget.py --data folder:cifar10-jpeg \
              --label "CIFAR-10, JPEG copies"
Full      python analyses/small_budget.py --data cifar10 --width 16 --images 50000 --device cuda
Cost      About 2 min of a CPU core for a network of 20 layers and 40 s for one of 8: 15 min for
          three seeds. What is there is not trained again; --train and --seeds divide the work.
Source    An unreviewed comparison of 6n+2 networks with and without shortcuts of option A: Adam
          1e-3, L2 1e-4, batch 64, ten epochs, padding by 4 and flips, three seeds, last epoch.
Setting   Half the width and a tenth of the images, so a tenth of the iterations; the rate falls
          after every iteration and not after every epoch.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping

import pandas as pd
from kit.analysis import Analysis
from kit.claims import Claim
from kit.comparisons import Pair, compared, differences, spreads
from kit.curves import LOSS, Curve, Shown, curves
from kit.experiments import Experiment, add_options, collected
from matplotlib.figure import Figure

from resprobe.results import Result
from resprobe.training import recipes

NETWORKS = ("resnet20", "plain20", "resnet8", "plain8")
SOURCE = "an unreviewed comparison"
DEPTHS = (20, 8)
FIGURES = ("accuracy", "train_loss", "test_error", "train_error_eval")
TRAINING_ERROR = Curve(column="train_error", label="Training error (%)", scale=100)


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Train what is not trained yet, and put what all runs left together."""
    experiment = Experiment(recipe=recipes["small-budget"], asked=asked, test_curve=False)
    epochs, runs, meta = collected(experiment)
    epochs.insert(1, "name", epochs["network"].str.partition(":")[0])
    runs["accuracy"] = 1 - runs["test_error"]
    pairs = [pair(depth, figure) for depth in DEPTHS for figure in FIGURES]
    table = pd.concat([spreads(runs, FIGURES), differences(runs, pairs)], ignore_index=True)
    return {
        "epochs": Result("small-budget-epochs", epochs, meta),
        "runs": Result("small-budget-runs", runs, meta),
        "table": Result("small-budget-table", table, meta),
    }


def pair(depth: int, figure: str) -> Pair:
    """Compare the residual with the plain network of a depth."""
    return Pair(first=f"resnet{depth}", second=f"plain{depth}", figure=figure)


def claims(results: Mapping[str, Result]) -> Iterable[Claim]:
    """Compare accuracies and training losses, seed by seed."""
    runs, setting = results["runs"].frame, "; ".join(results["runs"].meta["setting"])
    shared = {"source": SOURCE, "setting": setting}
    yield compared(
        runs,
        pair(20, "accuracy"),
        claim="test accuracy of ResNet-20 less that of plain-20",
        published="+2.48 points [+1.73, +3.24]",
        sign=1,
        number=0.0248,
        **shared,
    )
    yield compared(
        runs,
        pair(8, "accuracy"),
        claim="test accuracy of ResNet-8 less that of plain-8",
        published="-0.42 points [-3.22, +2.38]: no gain",
        number=-0.0042,
        **shared,
    )
    yield compared(
        runs,
        pair(20, "train_loss"),
        claim="training loss of ResNet-20 less that of plain-20, in the last epoch (nats)",
        published="-0.084 (0.463 against 0.547)",
        sign=-1,
        number=-0.084,
        percent=False,
        **shared,
    )


def draw(results: Mapping[str, Result]) -> dict[str, Figure]:
    """Draw the training, and the differences in accuracy."""
    shown = [
        Shown(pair=pair(20, "accuracy"), label="20 layers", published=0.0248),
        Shown(pair=pair(8, "accuracy"), label="8 layers", published=-0.0042),
    ]
    made = curves(
        results["epochs"], results["runs"].frame, shown, drawn=(LOSS, TRAINING_ERROR),
        measured="Test accuracy, residual less plain",
    )  # fmt: skip
    return {"epochs": made}


ANALYSIS = Analysis(
    file=__file__,
    kinds=("epochs", "runs", "table"),
    measure=measure,
    claims=claims,
    draw=draw,
    captions={
        "epochs": "Training loss and training error over the epochs, and how much more accurate "
        "residual networks are on test images in the end; faint lines are single seeds."
    },
    options=lambda parser: add_options(parser, NETWORKS, width=8, epochs=10, images=5_000),
    varying=("train", "seeds"),
    smoke={"data": "embedded", "images": 200, "tested": 200, "width": 1, "epochs": 1,
           "seeds": "0", "label": ""},
)  # fmt: skip

if __name__ == "__main__":
    ANALYSIS.run()
