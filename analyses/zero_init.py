"""Blocks that begin as identities make networks trainable that are too deep else.

Number    23
Question  Are blocks exactly their shortcuts at initialisation with BN's gamma = 0, SkipInit and
          Fixup? Do deep networks without normalisation fail, also with (x + F)/sqrt 2, and train
          with SkipInit and Fixup?
Command   python analyses/zero_init.py
Full      python analyses/zero_init.py --deep
Cost      About ten minutes on one core of a server CPU, most of it training; an hour with --deep.
          Each method's training is kept, so that the same command goes on where it was stopped.
Source    Goyal et al. 2017, section 5.1; De and Smith 2020, section 4; Zhang et al.
          2019, section 3; Yang et al. 2019.
Setting   Identities: ResNet-110 of width 4. Training: 48 fully connected blocks of width 64 (with
          --deep also 498, as many as 1000 layers have, which alone test what is published of
          1000) on the embedded images, 100 steps of 64 images, the best of three rates
          (published: wide ResNets on CIFAR-10, whole schedules).
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from kit.analysis import Analysis
from kit.claims import Claim, Verdict, signed
from kit.draws import add_draws, embedded, of_draws, over_draws
from kit.panels import dots, sheet
from kit.subjects import once
from kit.trainability import METHODS, best, trained_networks
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from resprobe import Architecture, initialisation, unravel
from resprobe.results import Result, combined
from resprobe.statistics import wilson

DE, ZHANG, YANG = "De and Smith 2020", "Zhang et al. 2019", "Yang et al. 2019"
INITS = {
    "zero-bn": "Goyal et al. 2017, section 5.1",
    "skipinit": "De and Smith 2020, section 4",
    "fixup": "Zhang et al. 2019, section 3",
}
THOUSAND, HUNDRED = 498, 48  # blocks of De and Smith's networks of 1000 and 100 layers
OF_THOUSAND = {  # what trains with 1000 layers, and who says so
    "SkipInit": ("trains (1000 layers)", DE),
    "residual, no BN": ("fails (1000 layers)", DE),
    "(x + F) / sqrt 2": ("fails (1000 layers)", DE),
    "Fixup": ("trains (up to 10,000 layers)", ZHANG),
}
OF_DEEP = {  # of deep networks of no stated depth; of (x + F) / sqrt 2 nothing is
    "SkipInit": ("trains deep networks", DE),
    "residual, no BN": ("fails in deep networks", DE),
    "Fixup": ("trains deep networks", ZHANG),
    "residual, BN": ("trains deep networks", YANG),
    "plain, BN": ("fails in deep networks", YANG),
}
LEARNS = 0.75
"""Of ln 10, the loss of a network that knows nothing: below it is said to train."""


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Compare blocks with their shortcuts, and train."""
    deep = {THOUSAND: tuple(OF_THOUSAND)} if asked.deep else {}
    train = {asked.train_blocks: tuple(METHODS), **deep}
    return {"identities": once(asked.parts / "identities", partial(identities, asked)),
            "training": trained_networks(train, asked)}  # fmt: skip


def identities(asked: argparse.Namespace) -> Result:
    """Compare blocks with their shortcuts under each initialisation."""
    images, name = embedded(asked.images), asked.convolutional

    def under(init: str) -> Result:
        return initialisation(
            lambda seed: unravel(
                Architecture(name, in_channels=1, width=4, init=init).build(seed=seed),
                images.example(),
            ),
            images, draws=asked.draws, network=f"{name}, {init}",
        )  # fmt: skip

    found = combined([under(init) for init in ("he", *INITS)])
    found.meta["setting"].append("width 4")
    return found


def claims(results: Mapping[str, Result]) -> Iterable[Claim]:
    """Ask for exact identities, and for which networks learn; the first is that of BN's gamma."""
    yield from _identities(results["identities"].frame)
    yield from _training(results["training"].frame)


def _identities(frame: pd.DataFrame) -> Iterable[Claim]:
    for init, source in INITS.items():
        rows = frame[frame["network"].str.endswith(f", {init}")]
        largest = float(rows["branch_max"].max())
        yield Claim(
            claim=f"{init}: blocks begin as their shortcuts: max |block(x) - after(s(x))|",
            source=source,
            published="0",
            measured=largest,
            n=len(rows),
            of="blocks",
            setting=f"{str(rows['network'].iloc[0]).split(',')[0]}, width 4, "
            f"{int(rows['draws'].iloc[0])} draws of {int(rows['n'].iloc[0])} embedded images",
            verdict=Verdict.REPRODUCED if largest == 0 else Verdict.NOT_REPRODUCED,
        )


def _training(frame: pd.DataFrame) -> Iterable[Claim]:
    """Judge each depth by what is published of it: nothing of 1000 layers is by fewer."""
    last = best(frame)
    last = last[last["step"] == last["step"].max()]
    about = (
        f"fully connected, width 64, embedded images, {int(frame['step'].max())} steps of 64 "
        f"images, best of {frame['rate'].nunique()} rates"
    )
    for depth in dict.fromkeys([*frame["depth"], THOUSAND]):
        for network, outcome in (OF_THOUSAND if depth == THOUSAND else OF_DEEP).items():
            losses = last.loc[(last["network"] == network) & (last["depth"] == depth), "loss"]
            if depth == THOUSAND or len(losses):
                yield _outcome(f"{network}, {depth} blocks", losses / math.log(10), outcome, about)


def _outcome(name: str, losses: pd.Series, outcome: tuple[str, str], setting: str) -> Claim:
    """Judge losses over ln 10, or the share of draws that diverge, where one does."""
    published, source = outcome
    shared: dict[str, Any] = {"source": source, "published": published}
    learns = f"{name}: training loss at the end over ln 10; trains below {LEARNS}"
    if losses.empty:
        wanted = f"wants {THOUSAND} blocks, as many as 1000 layers have: --deep, an hour"
        return Claim(claim=learns, **shared, setting=wanted, verdict=Verdict.NOT_TESTABLE)
    diverged, n = int((~np.isfinite(losses)).sum()), len(losses)
    if diverged:
        learns, bound = f"{name}: {diverged} of {n} draws diverge; fails where most do", 0.5
        low, high = wilson(diverged, n)
        found = {"measured": diverged / n, "low": low, "high": high, "n": n, "of": "draws"}
    else:
        found, bound = of_draws(losses.tolist()), LEARNS
    gap = [found[end] - bound for end in ("measured", "low", "high")]
    return Claim(
        claim=learns, **shared, **found, setting=setting, percent=diverged > 0,
        verdict=signed(*gap, -1 if published.startswith("trains") else 1),
    )  # fmt: skip


def draw(results: Mapping[str, Result]) -> dict[str, Figure]:
    """Draw the largest branch of each block, and the losses."""
    return {
        "identities": _branches(results["identities"]),
        "training": _losses(results["training"]),
    }


def _branches(result: Result) -> Figure:
    with sheet(result, width=4.6, height=3.0) as (made, (ax,)):
        for place, (network, rows) in enumerate(result.frame.groupby("network", sort=False)):
            dots(ax, place, rows["block"], rows["branch_max"], label=str(network), linestyle="",
                 markevery=(place % 3, 3))  # fmt: skip
        ax.set_yscale("symlog", linthresh=1e-2)
        ax.set(xlabel="Block", ylabel="max |block(x) - after(s(x))|", ylim=(-2e-3, 100))
    return made


def _losses(result: Result) -> Figure:
    depths = list(result.frame["depth"].unique())
    width = 5.0 if len(depths) == 1 else 7.0
    with sheet(result, len(depths), width=width, height=3.9) as (made, axes):
        for ax, depth in zip(axes, depths, strict=True):
            _losses_of(ax, result.frame[result.frame["depth"] == depth])
            ax.set_xlabel(f"Step ({depth} blocks)")
        axes[0].set_ylabel("Training loss (nats), best rate")
    return made


def _losses_of(ax: Axes, frame: pd.DataFrame) -> None:
    for place, network in enumerate(METHODS):
        rows = best(frame)
        rows = rows[rows["network"] == network]
        if rows.empty:
            continue
        found = over_draws(rows, ["step"], "loss")
        finite = found[np.isfinite(found["mean"])]
        name = network if len(finite) else f"{network}: not finite"
        dots(ax, place, finite["step"], finite["mean"], ends=(finite["low"], finite["high"]),
             label=name)  # fmt: skip
    ax.axhline(math.log(10), color="#5c5c5c", linestyle=":", label="ln 10, knowing nothing")
    ax.set(yscale="log", ylim=(0.3, 30))
    ax.set_yticks([0.5, 1, 2, 5, 10, 20], ["0.5", "1", "2", "5", "10", "20"])
    ax.minorticks_off()


def options(parser: argparse.ArgumentParser) -> None:
    """Add the script's own options."""
    add_draws(parser)
    parser.add_argument("--deep", action="store_true", help="train networks of 498 blocks too")
    parser.add_argument("--train-draws", type=int, default=3, help="of each trained network")
    parser.set_defaults(
        convolutional="resnet110", images=64, width=64, steps=100, rates=(0.1, 0.01, 0.001),
        train_blocks=HUNDRED,
    )  # fmt: skip


SMOKE: dict[str, Any] = {
    "draws": 2, "images": 8, "convolutional": "resnet8", "width": 16, "steps": 4,
    "rates": (0.01,), "train_draws": 2, "train_blocks": 4, "deep": False,
}  # fmt: skip

ANALYSIS = Analysis(
    file=__file__,
    kinds=("identities", "training"),
    measure=measure,
    claims=claims,
    captions={
        "identities": "Largest element of a block's branch at initialisation, over five draws; "
        "0 is an identity. Of each network every third block is drawn.",
        "training": "Training loss of deep fully connected networks, mean over draws with 95 % "
        "intervals.",
    },
    draw=draw,
    options=options,
    smoke=SMOKE,
)

if __name__ == "__main__":
    ANALYSIS.run()
