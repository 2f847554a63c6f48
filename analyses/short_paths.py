"""Short paths are enough: 23 of 54 blocks in every mini-batch train as good a network.

Number    28
Question  Does a network of 54 blocks that trains exactly 23 of them on every mini-batch reach the
          test error of one that trains all (5.96 % against 6.10 %)?
Command   python analyses/short_paths.py --seeds 0,1
Full      resprobe train --arch preresnet110 --data cifar10 --recipe he2015-cifar --test-curve \
              --seeds 3 --device cuda --out full.pt
          resprobe train --arch preresnet110:blocks_per_batch=23 --data cifar10 --test-curve \
              --recipe he2015-cifar --seeds 3 --device cuda --out short.pt
          python analyses/short_paths.py --only-ckpt --ckpt full-seed0.pt --ckpt full-seed1.pt \
              --ckpt full-seed2.pt --ckpt short-seed0.pt --ckpt short-seed1.pt --ckpt short-seed2.pt
Cost      A second; training the six networks takes an hour on one core of a server CPU.
Source    Veit et al. 2016, section 4.3.
Setting   A quarter of the width, 10 epochs on 4,500 images of Fashion-MNIST.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping

import pandas as pd
import torch
from kit.analysis import Analysis
from kit.claims import Claim, near
from kit.comparisons import Pair, compared, differences, spreads
from kit.curves import ERROR, LOSS, Shown, curves
from kit.runs import add_seeds, chosen, deep, together
from matplotlib.figure import Figure

from resprobe import Architecture
from resprobe.networks.stochastic import BlocksPerBatch
from resprobe.results import Result

ALL, SOME = "all blocks", "some blocks a batch"
OWN = (*deep("preresnet110"), *deep("preresnet110:blocks_per_batch=23"))
FIGURES = ("test_error", "test_error_best", "train_error", "train_loss")
SOURCE = "Veit et al. 2016, section 4.3"
DRAWS = 1_000


def name_of(network: Architecture) -> str:
    """Return what a network is in this comparison."""
    return ALL if network.blocks_per_batch is None else SOME


def pair(figure: str) -> Pair:
    """Compare training by short paths with the usual one."""
    return Pair(first=SOME, second=ALL, figure=figure)


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Read what the trainings left, and draw the blocks of many mini-batches."""
    epochs, runs = together(chosen(asked, OWN), name_of)
    pairs = [pair(figure) for figure in FIGURES]
    table = pd.concat([spreads(runs, FIGURES), differences(runs, pairs)], ignore_index=True)
    return {
        "epochs": epochs,
        "runs": Result("short-paths-runs", runs, epochs.meta),
        "table": Result("short-paths-table", table, epochs.meta),
        "paths": Result("short-paths-drawn", drawn_paths(DRAWS), epochs.meta),
    }


def drawn_paths(draws: int) -> pd.DataFrame:
    """Return ``draw, computed, length`` of many mini-batches: blocks, and the paths' mean length.

    Half of all paths go through a branch that is computed, and none through one that is not.
    """
    network = Architecture.parse("preresnet110:blocks_per_batch=23").build(device="meta").train()
    generator = torch.Generator().manual_seed(0)
    layers = [m for m in network.modules() if isinstance(m, BlocksPerBatch)]
    rows = []
    for layer in layers:
        layer.generator = generator
    for draw in range(draws):
        computed = sum(layer.survives() for layer in layers)
        rows.append({"draw": draw, "computed": computed, "length": computed / 2})
    return pd.DataFrame(rows)


def claims(results: Mapping[str, Result]) -> Iterable[Claim]:
    """Compare test errors, seed by seed, and look at what was drawn."""
    runs, setting = results["runs"].frame, "; ".join(results["runs"].meta["setting"])
    yield compared(
        runs,
        pair("test_error"),
        claim="test error with 23 of 54 blocks a mini-batch less that with all",
        source=SOURCE,
        published="-0.14 points (5.96 % against 6.10 %), not significant; here: within a point",
        margin=0.01,
        setting=setting,
    )
    drawn = results["paths"].frame
    shared = {"source": SOURCE, "n": len(drawn), "of": "mini-batches",
              "setting": "the layers of a pre-activation ResNet-110, drawn"}  # fmt: skip
    yield Claim(
        claim="share of the mini-batches that train exactly 23 of 54 blocks",
        published="all",
        measured=(drawn["computed"] == 23).mean(),
        verdict=near((drawn["computed"] == 23).mean(), 1),
        percent=True,
        **shared,
    )
    yield Claim(
        claim="mean length of the paths in training",
        published="11.5",
        measured=drawn["length"].mean(),
        verdict=near(drawn["length"].mean(), 11.5),
        **shared,
    )


def draw(results: Mapping[str, Result]) -> dict[str, Figure]:
    """Draw the trainings, and how far apart they end."""
    shown = [
        Shown(pair=pair("test_error"), label="test error,\nlast epoch", published=-0.0014),
        Shown(pair=pair("test_error_best"), label="test error,\nbest epoch"),
        Shown(pair=pair("train_error"), label="training error"),
    ]
    made = curves(results["epochs"], results["runs"].frame, shown, drawn=(LOSS, ERROR),
                  measured="23 of 54 blocks less all blocks")  # fmt: skip
    return {"epochs": made}


ANALYSIS = Analysis(
    file=__file__,
    kinds=("epochs", "runs", "table", "paths"),
    measure=measure,
    claims=claims,
    draw=draw,
    captions={
        "epochs": "Training loss and test error over the epochs, and the differences in the end; "
        "faint lines are single seeds. In training some blocks are left out, in testing none."
    },
    options=add_seeds,
    smoke={"seeds": "0"},
    own=OWN,
    any_networks=True,
)

if __name__ == "__main__":
    ANALYSIS.run()
