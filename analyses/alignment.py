"""Trained branches have no more directions than classes, and states go along lines.

Number    25
Question  Have the branches' Jacobians no more than one direction for each class, shared by all
          blocks, the smaller the deeper the network; do states go along lines in equal steps?
Command   python analyses/alignment.py --ckpt resnet20.th --data folder:cifar10-jpeg \
              --label "CIFAR-10, JPEG copies"
Full      resprobe train --arch resnet56 --data cifar10 --out resnet56.pt
          python analyses/alignment.py --ckpt resnet56.pt --device cuda
Cost      Some 8 min on one core: 18 fully connected networks are trained, and looked at whole;
          half a minute for each other one of 20 layers. Those of width 8 are trained first where
          they are not there, 3 and 8 min.
Source    Li, Papyan 2023, "Residual Alignment", properties RA1 to RA4.
Setting   Fully connected networks as in the paper, on ten clusters of points instead of MNIST,
          trained for 200 epochs, which leaves no error but one of 0.2 % in one of the three
          residual networks of 16 blocks (seed 1). Beside them convolutional ones, on two images
          each, with the same architecture at initialisation. The thresholds are not the paper's.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from kit.analysis import Analysis
from kit.claims import Claim, near, signed
from kit.clusters import clusters, error_left, trained_on
from kit.fresh import as_initial
from kit.networks import Own
from kit.spectra import NAMES, kept
from kit.subjects import Network
from matplotlib.figure import Figure

from resprobe import Batches, geometry, unravel
from resprobe.figures import figure
from resprobe.probes import Geometry
from resprobe.probes.jacobians import power_law
from resprobe.results import Result, combined
from resprobe.statistics import spread

WHOLE = {"k": 20, "oversampling": 44, "iterations": 0}  # 64 directions of 64: exact
TABLES = ("values", "matrices", "stream")
PAPER = "Li, Papyan 2023"


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Train and measure the fully connected networks, then look at the others."""
    data, shown = clusters(asked.toy_images, seed=0), clusters(asked.toy_shown, seed=1)
    depths = [int(depth) for depth in asked.depths.split(",")]
    found = [
        _toy(asked.parts, data, shown, depth, residual, epochs, seed)
        for depth in depths
        for residual in (True, False)
        for seed in range(asked.seeds)
        for epochs in (0, asked.epochs)
    ]
    found += [
        _other(asked, network, trained=trained)
        for network in asked.found
        for trained in (True, False)
    ]
    first = [one for one in found if _is_drawn(one["runs"].frame.iloc[0], max(depths))]
    runs = combined([one["runs"] for one in found])
    return {"runs": runs} | {
        name: combined([one[name] for one in first if len(one[name].frame)]) for name in TABLES
    }


def _is_drawn(run: pd.Series, deepest: int) -> bool:
    return run["family"] == "fully connected" and (run["depth"], run["seed"]) == (deepest, 0)


def _toy(
    parts: Path, data: Batches, shown: Batches, depth: int, residual: bool, epochs: int, seed: int
) -> dict[str, Result]:
    kind = "residual" if residual else "plain"
    when = "trained" if epochs else "initial"

    def look() -> tuple[Geometry, float]:
        model, error = trained_on(data, depth=depth, residual=residual, epochs=epochs, seed=seed)
        chain = unravel(model, shown.example())
        network = f"{kind} {depth}, {when}"
        return geometry(chain, shown, network=network, seed=seed, **WHOLE), error

    facts = {"family": "fully connected", "depth": depth, "residual": residual, "seed": seed,
             "trained": bool(epochs)}  # fmt: skip
    return kept(parts / f"{kind}{depth}-{when}-s{seed}", look, facts)


def _other(asked: argparse.Namespace, network: Network, *, trained: bool) -> dict[str, Result]:
    when = "trained" if trained else "initial"

    def look() -> tuple[Geometry, float]:
        here = network.read()
        chain = here.chain if trained else as_initial(here)
        name = f"{here.name}, {when}"
        shown = here.shown(asked.images)
        return geometry(chain, shown, network=name, about=here.about), float("nan")

    facts = {"family": network.name, "depth": 0, "residual": True, "seed": 0, "trained": trained}
    return kept(asked.parts / f"{network.name}-{when}", look, facts)


def draw(results: Mapping[str, Result]) -> dict[str, Figure]:
    """Draw the deepest networks of the first seed, as the toolkit draws any."""
    return {kind: figure(results[kind]) for kind in TABLES}


def claims(results: Mapping[str, Result]) -> Iterator[Claim]:
    """Judge each property on the fully connected networks, and what is alike in the others."""
    runs, meta = results["runs"].frame, results["runs"].meta
    data = {entry["network"]: entry.get("data", meta["data"]) for entry in meta["networks"]}
    toy = runs["family"] == "fully connected"
    yield from _of_all(runs[toy])
    for family, rows in runs[~toy].groupby("family", sort=False):
        shown = data[rows["network"].iloc[0]]
        yield from _of_one(rows, f"{family}; {shown['data_set']}, {shown['split']}")


def _of_all(runs: pd.DataFrame) -> Iterator[Claim]:
    deepest = int(runs["depth"].max())
    setting = (
        f"fully connected, width 64, {', '.join(map(str, sorted(set(runs['depth']))))} blocks; ten "
        f"clusters; {error_left(runs[runs['trained']])}"
    )

    def of(name: str, *, residual: bool = True, trained: bool = True) -> np.ndarray:
        rows = runs[(runs["residual"] == residual) & (runs["trained"] == trained)]
        return rows[rows["depth"] == deepest].sort_values("seed")[name].to_numpy()

    def compared(what: str, part: str, published: str, values: np.ndarray, sign: int) -> Claim:
        found = spread(values.tolist())
        return Claim(
            claim=what, source=f"{PAPER}, {part}", published=published, measured=found.mean,
            low=found.low, high=found.high, n=found.n, of="seeds", setting=setting,
            verdict=signed(found.mean, found.low, found.high, sign),
        )  # fmt: skip

    name = f"{deepest} blocks"
    found = spread(of("within_classes").tolist())
    low, high = max(0.0, found.low), min(1.0, found.high)
    yield Claim(
        claim=f"{name}: share of branches of rank at most C = 10 (values above 1 % of the largest)",
        source=f"{PAPER}, RA3", published="all, within 5 %; half speaks against it",
        measured=found.mean, low=low, high=high, n=found.n, of="seeds", setting=setting,
        percent=True,
        verdict=near(found.mean, 1.0, low=low, high=high, tolerance=0.05, away_from=0.5),
    )  # fmt: skip
    yield compared(
        f"{name}: sigma 11 over sigma 1 falls in training, difference", "RA3", "to about 0",
        of("beyond_classes") - of("beyond_classes", trained=False), -1,
    )  # fmt: skip
    yield _slope(runs, setting)
    yield compared(
        f"{name}: a step's cosine with the whole way, above that of steps at right angles", "RA1",
        "on a line: 1", of("cosine") - of("chance_cosine"), 1,
    )  # fmt: skip
    yield compared(
        f"{name}: the spread of the steps' lengths falls in training, difference", "RA1",
        "equispaced: to 0", of("variation") - of("variation", trained=False), -1,
    )  # fmt: skip
    yield compared(
        f"{name}: alignment of different blocks, above random directions", "RA2",
        "strong diagonals", of("alignment") - of("chance"), 1,
    )  # fmt: skip
    yield compared(
        f"{name}: alignment of different blocks with skips, above that without", "counterfactual",
        "vanishes without skips", of("alignment") - of("alignment", residual=False), 1,
    )  # fmt: skip
    yield compared(
        f"{name}: share of the states' variance on one axis with skips, above that without",
        "counterfactual", "vanishes without skips",
        of("first_axis") - of("first_axis", residual=False), 1,
    )  # fmt: skip


def _slope(runs: pd.DataFrame, setting: str) -> Claim:
    slopes = []
    rows = runs[runs["residual"] & runs["trained"]]
    for _, one in rows.groupby("seed"):
        law = power_law(one["depth"].astype(float).tolist(), one["sigma_1"].tolist())
        slopes.append(law.slope)
    found = spread(slopes)
    return Claim(
        claim="sigma 1 goes as a power of the number of blocks: exponent", source=f"{PAPER}, RA4",
        published="-1", measured=found.mean, low=found.low, high=found.high, n=found.n, of="seeds",
        setting=setting,
        verdict=near(found.mean, -1.0, low=found.low, high=found.high, away_from=0.0),
    )  # fmt: skip


def _of_one(rows: pd.DataFrame, setting: str) -> Iterator[Claim]:
    """Compare one network with its architecture at initialisation: no interval for one."""
    trained, initial = (rows[rows["trained"] == is_so].iloc[0] for is_so in (True, False))
    for what, part, published, name, sign in (
        ("sigma 11 over sigma 1, trained less initial", "RA3", "to about 0", "beyond_classes", -1),
        ("share of M's squares on the diagonal, trained less initial", "RA2", "strong diagonals",
         "diagonal", 1),
        ("alignment of different blocks, trained less initial", "RA2", "strong diagonals",
         "alignment", 1),
        ("a step's cosine with the whole way, trained less initial", "RA1", "on a line: 1",
         "cosine", 1),
    ):  # fmt: skip
        change = float(trained[name] - initial[name])
        if math.isnan(change):
            continue
        yield Claim(
            claim=what, source=f"{PAPER}, {part}", published=published, measured=change,
            n=int(trained["n"]), of="images",
            setting=f"{setting}; {trained['blocks']} blocks",
            verdict=signed(change, math.nan, math.nan, sign),
        )  # fmt: skip


def options(parser: argparse.ArgumentParser) -> None:
    """Add how much is trained and measured."""
    parser.add_argument("--images", type=int, default=2, help="for convolutional networks")
    parser.add_argument("--depths", default="4,8,16", help="in blocks, of fully connected ones")
    parser.add_argument("--seeds", type=int, default=3, help="of fully connected ones")
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--toy-images", type=int, default=500, help="that are learnt")
    parser.add_argument("--toy-shown", type=int, default=8, help="others, that are looked at")


ANALYSIS = Analysis(
    file=__file__, kinds=NAMES, measure=measure, claims=claims, draw=draw, options=options,
    captions={
        "values": "Singular values of the branches' Jacobians, fully connected networks of 16 "
        "blocks: residual and plain, at initialisation and trained.",
        "matrices": "Do the directions of one block meet those of another? Mean of |U'JV| over "
        "pairs of blocks; a bright diagonal is alignment.",
        "stream": "The states between blocks on their first two axes, one line for each image.",
    },
    smoke={"depths": "2,3,4", "seeds": 2, "epochs": 2, "toy_images": 50, "toy_shown": 2,
           "images": 1},
    own=(Own(arch="resnet20"), Own(arch="resnet56")), any_networks=True,
)  # fmt: skip

if __name__ == "__main__":
    ANALYSIS.run()
