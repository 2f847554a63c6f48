"""Degradation is in training error: a plain network of 56 layers learns worse than one of 20.

Number    13
Question  Has a plain network of 56 layers a higher *training* error than one of 20, so that it
          is no overfitting, and a residual one not?
Command   python analyses/degradation.py --data folder:cifar10-jpeg \
              --label "CIFAR-10, JPEG copies" --seeds 0,1
Full      python analyses/degradation.py --data cifar10 --width 16 --epochs 182 --device cuda
Cost      About 6 min of a CPU core for a network of 20 layers and 17 min for one of 56: 45 min a
          seed, 2 h 20 min for three. What is there is not trained again; --train and --seeds
          divide the work among processes.
Source    He et al. 2015, section 4.2, Figs. 1 and 6; Li et al. 2018, Table 1.
Setting   Half the width and 10 of 182 epochs.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping

import pandas as pd
from kit.analysis import Analysis
from kit.claims import Claim
from kit.comparisons import Pair, compared, differences, spreads
from kit.experiments import Experiment, add_options, collected

from resprobe.figures import figure
from resprobe.results import Result
from resprobe.training import recipes

NETWORKS = ("plain20", "plain56", "resnet20", "resnet56")
ERRORS = {
    "train_error_eval": "training error, in eval mode, of all images learnt from",
    "train_error": "training error, as learnt, in the last epoch",
    "test_error": "test error",
}
PLAIN, RESIDUAL = ("plain56", "plain20"), ("resnet56", "resnet20")


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Train what is not trained yet, and put what all runs left together."""
    curves, runs, meta = collected(Experiment(recipe=recipes["he2015-cifar"], asked=asked))
    pairs = [Pair(first=a, second=b, figure=e) for a, b in (PLAIN, RESIDUAL) for e in ERRORS]
    table = pd.concat([spreads(runs, list(ERRORS)), differences(runs, pairs)], ignore_index=True)
    return {
        "curves": Result("degradation", curves, meta),
        "runs": Result("degradation-runs", runs, meta),
        "table": Result("degradation-table", table, meta),
    }


def claims(results: Mapping[str, Result]) -> Iterable[Claim]:
    """Compare deep with shallow networks, plain and residual, seed by seed."""
    runs, setting = results["runs"].frame, "; ".join(results["runs"].meta["setting"])
    for error, words in ERRORS.items():
        yield compared(
            runs,
            Pair(first=PLAIN[0], second=PLAIN[1], figure=error),
            claim=f"plain-56 is above plain-20 in {words}: difference",
            source="He et al. 2015, Fig. 6; Li et al. 2018, Table 1",
            published="above; test 13.31 % against 8.18 %",
            setting=setting,
            sign=1,
        )
    for error, words in ERRORS.items():
        yield compared(
            runs,
            Pair(first=RESIDUAL[0], second=RESIDUAL[1], figure=error),
            claim=f"ResNet-56 is below ResNet-20 in {words}: difference",
            source="He et al. 2015, Fig. 6 and Table 6; Li et al. 2018, Table 1",
            published="below; test 6.97 % against 8.75 %, 5.89 % against 7.37 %",
            setting=setting,
            sign=-1,
        )


ANALYSIS = Analysis(
    file=__file__,
    kinds=("curves", "runs", "table"),
    measure=measure,
    claims=claims,
    draw=lambda results: {"curves": figure(results["curves"])},
    captions={
        "curves": "Training error (dashed) and test error of plain and residual networks; faint "
        "lines are single seeds."
    },
    options=lambda parser: add_options(parser, NETWORKS, width=8, epochs=10),
    varying=("train", "seeds"),
    smoke={"data": "embedded", "images": 400, "tested": 200, "width": 1, "epochs": 1,
           "seeds": "0", "label": ""},
)  # fmt: skip

if __name__ == "__main__":
    ANALYSIS.run()
