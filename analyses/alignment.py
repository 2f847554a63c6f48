"""Do residual blocks pull in one direction? Singular values, vectors and paths of states.

Question  Have the branches' Jacobians no more than one direction for each class, shared by all
          blocks, the smaller the deeper the network; do states go along lines in equal steps?
Command   python analyses/alignment.py --ckpt resnet20.th --ckpt resnet20-s0.pt --data folder:PATH
          Fully connected networks are trained here, on ten clusters; any trained convolutional
          ones may stand beside them, each with the same architecture at initialisation. --data is
          for those that do not know their images. What is measured is kept in OUT/parts.
Cost      On one core of a server CPU: some 5 min for the 18 networks that are trained, and half a
          minute for each other one of 20 layers. --smoke takes seconds.
Source    Li, Papyan 2023, "Residual Alignment", properties RA1 to RA4.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from alignment_claims import claims
from matplotlib.figure import Figure
from script import Theme, given
from subjects import labelled
from toy_classes import clusters, trained_on

from resprobe import geometry, load, unravel
from resprobe.chain import Chain
from resprobe.datasets import Batches
from resprobe.figures import figure
from resprobe.probes import Geometry
from resprobe.results import Result, combined

KINDS = ("geometry", "values", "alignment", "matrices", "stream")
WHOLE = {"k": 20, "oversampling": 44, "iterations": 0}  # 64 directions of 64: exact
SAID = ("variation", "straightness", "first_axis", "cosine", "alignment", "diagonal", "captured",
        "chance")  # fmt: skip


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Train and measure the fully connected networks, then look at the others."""
    parts, data = asked.out / "parts", clusters(asked.toy_images, seed=0)
    shown = clusters(asked.toy_shown, seed=1)
    found: list[dict[str, Result]] = []
    depths = [int(depth) for depth in asked.depths.split(",")]
    for depth in depths:
        for residual in (True, False):
            for seed in range(asked.seeds):
                for epochs in (0, asked.epochs):
                    found.append(_toy(parts, data, shown, depth, residual, epochs, seed))
    for path, read in zip(asked.ckpt, given(asked), strict=True):
        for trained in (True, False):
            found.append(_other(parts, asked, path, read, trained=trained))
    runs = combined([labelled(one["runs"], asked.label) for one in found])
    first = [one for one in found if _is_drawn(one["runs"].frame.iloc[0], max(depths))]
    tables = {
        kind: combined([one[kind] for one in first if len(one[kind].frame)])
        for kind in ("values", "matrices", "stream")
    }
    return {"runs": runs, **tables}


def _is_drawn(run: pd.Series, deepest: int) -> bool:
    return run["family"] == "fully connected" and (run["depth"], run["seed"]) == (deepest, 0)


def _toy(
    parts: Path, data: Batches, shown: Batches, depth: int, residual: bool, epochs: int, seed: int
) -> dict[str, Result]:
    kind = "residual" if residual else "plain"
    when = "trained" if epochs else "initial"
    name = f"{kind} {depth}, {when}"

    def look() -> tuple[Geometry, float]:
        model, error = trained_on(data, depth=depth, residual=residual, epochs=epochs, seed=seed)
        chain = unravel(model, shown.example())
        return geometry(chain, shown, network=name, seed=seed, **WHOLE), error

    facts = {"family": "fully connected", "depth": depth, "residual": residual, "seed": seed,
             "trained": bool(epochs)}  # fmt: skip
    return _kept(parts / f"{kind}{depth}-{when}-s{seed}", look, facts)


def _other(
    parts: Path, asked: argparse.Namespace, path: Path, read, *, trained: bool
) -> dict[str, Result]:
    when = "trained" if trained else "initial"

    def look() -> tuple[Geometry, float]:
        here = read()
        chain = here.chain if trained else _initial(path, here.data)
        found = geometry(
            chain, here.shown(asked.images), network=f"{here.name}, {when}", about=here.about
        )
        return found, float("nan")

    facts = {"family": path.stem, "depth": 0, "residual": True, "seed": 0, "trained": trained}
    return _kept(parts / f"{path.stem}-{when}", look, facts)


def _initial(path: Path, data: Batches) -> Chain:
    """Return the same architecture at initialisation, with statistics of the images."""
    model = load(path).architecture.build(seed=0)
    model.train()
    for x, _ in Batches(data.data.subset(min(200, data.n)), data.normalisation, 200):
        for _ in range(50):  # running statistics forget their start
            model(x)
    return unravel(model.eval(), data.example())


def _kept(stem: Path, look, facts: dict[str, object]) -> dict[str, Result]:
    """Measure what is not kept yet: the tables, and one row that sums a network up."""
    names = ("runs", "values", "matrices", "stream")
    files = {name: stem.with_name(f"{stem.name}-{name}") for name in names}
    if not files["stream"].with_name(f"{stem.name}-stream.json").exists():
        print(f"measuring {stem.name}", file=sys.stderr, flush=True)
        found, error = look()
        tables = dict(zip(KINDS, found, strict=True)) | {"runs": _row(found, error, facts)}
        for name in names:  # the last one says that all are there
            tables[name].save_as(files[name])
    return {name: Result.load(file.with_name(f"{file.name}.csv")) for name, file in files.items()}


def _row(found: Geometry, error: float, facts: dict[str, object]) -> Result:
    frame, stages = found.blocks.frame, found.blocks.meta["networks"][0]["stages"]
    several = [stage for stage in stages if stage["blocks"] > 1]
    weights = [stage["blocks"] for stage in several]
    row = {
        "network": frame["network"].iloc[0], **facts, "blocks": len(frame), "n": frame["n"].iloc[0],
        "train_error": error, "sigma_1": frame["sigma_1"].mean(),
        "beyond_classes": frame["beyond_classes"].mean(),
        "within_classes": float((frame["rank"] <= 10).mean()),
        "chance_cosine": _mean([stage["blocks"] ** -0.5 for stage in several], weights),
        **{name: _mean([stage[name] for stage in several], weights) for name in SAID},
    }  # fmt: skip
    return Result("alignment-runs", pd.DataFrame([row]), found.blocks.meta)


def _mean(values: list[float], weights: list[int]) -> float:
    if not values:
        return float("nan")
    return sum(v * w for v, w in zip(values, weights, strict=True)) / sum(weights)


def drawn(results: Mapping[str, Result]) -> dict[str, Figure]:
    """Draw the networks of 16 blocks and the first seed, as the toolkit draws any."""
    return {kind: figure(results[kind]) for kind in ("values", "matrices", "stream")}


def options(parser: argparse.ArgumentParser) -> None:
    """Add the networks beside, and how much is trained and measured."""
    parser.add_argument("--ckpt", action="append", default=[], type=Path, help="repeatedly")
    parser.add_argument("--data", default="", help="as resprobe takes it")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--label", default="", help="what images from a folder are called")
    parser.add_argument("--images", type=int, default=2, help="for convolutional networks")
    parser.add_argument("--depths", default="4,8,16", help="in blocks, of fully connected ones")
    parser.add_argument("--seeds", type=int, default=3, help="of fully connected ones")
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--toy-images", type=int, default=500, help="that are learnt")
    parser.add_argument("--toy-shown", type=int, default=8, help="others, that are looked at")


THEME = Theme(
    name="alignment", about=__doc__, kinds=("runs", "values", "matrices", "stream"),
    measure=measure, claims=claims, options=options, draw=drawn,
    smoke={"depths": "2,3,4", "seeds": 2, "epochs": 2, "toy_images": 50, "toy_shown": 2,
           "images": 1},
)  # fmt: skip

if __name__ == "__main__":
    THEME.run()
