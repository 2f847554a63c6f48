"""Without shortcuts the loss around a deep network is rough; with them it is smooth.

Number    26
Question  Is the loss around a deep plain network rough, and around a residual one smooth?
Command   python analyses/landscape.py
Full      resprobe train --arch plain20 --data cifar10 --out plain20.pt
          resprobe train --arch plain56 --data cifar10 --out plain56.pt
          resprobe train --arch resnet20 --data cifar10 --out resnet20.pt
          resprobe train --arch resnet56 --data cifar10 --out resnet56.pt
          python analyses/landscape.py --only-ckpt --ckpt plain20.pt --ckpt plain56.pt \
              --ckpt resnet20.pt --ckpt resnet56.pt --images 1000 --device cuda
Cost      Some 5 min on one core for four networks of width 8, which are trained first where they
          are not there, 3 min (20 layers) and 8 min (56 layers) each.
Source    Li, Xu, Taylor, Studer, Goldstein 2018, sections 5 and 6, Figs. 5 and 7.
Setting   Width 8 and 15 epochs on Fashion-MNIST images, where the paper has width 16 and 300 epochs
          on CIFAR-10; lines of 51 places over 100 training images instead of planes over all.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Mapping
from functools import cache

import numpy as np
import pandas as pd
from kit.analysis import Analysis
from kit.claims import Claim, Verdict, near, signed
from kit.networks import Own
from kit.subjects import Subject, once
from matplotlib.figure import Figure

from resprobe import landscape
from resprobe.errors import UsageError
from resprobe.figures import figure
from resprobe.probes.landscapes import shape_facts
from resprobe.results import Result, combined
from resprobe.statistics import spread

ROLES = ("plain, shallow", "plain, deep", "residual, shallow", "residual, deep")
SOURCE = "Li et al. 2018, section 5, Fig. 5"


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Go along several lines through each network, and look at one plane."""
    if len(asked.found) != len(ROLES):
        raise UsageError(f"four networks are wanted ({'; '.join(ROLES)}); got {len(asked.found)}")
    lines, planes = [], []
    for network in asked.found:
        read, stem = cache(network.read), asked.parts / network.name
        lines += [
            once(
                stem.with_name(f"{stem.name}-line{seed}"),
                lambda seed=seed, read=read: _line(read("train"), asked, seed),
            )
            for seed in range(asked.directions)
        ]
        planes.append(
            once(
                stem.with_name(f"{stem.name}-plane"),
                lambda read=read: _plane(read("train"), asked),
            )
        )
    return {"line": combined(lines), "plane": combined(planes)}


def _line(here: Subject, asked: argparse.Namespace, seed: int) -> Result:
    result = landscape(
        here.chain, here.shown(asked.images), line=True, points=asked.points, network=here.name,
        seed=seed, about=here.about,
    )  # fmt: skip
    return Result(result.name, result.frame.assign(direction=seed), result.meta)


def _plane(here: Subject, asked: argparse.Namespace) -> Result:
    return landscape(
        here.chain, here.shown(asked.images_plane), points=asked.points_plane,
        span=asked.span_plane, network=here.name, about=here.about,
    )  # fmt: skip


def claims(results: Mapping[str, Result]) -> Iterator[Claim]:
    """Compare networks along each line, so that a direction is its own pair.

    The first is that of the deep networks, with and without shortcuts.
    """
    lines = results["line"]
    names = list(dict.fromkeys(lines.frame["network"]))
    facts = {name: _facts(lines.frame, name) for name in names}
    plain20, plain56, resnet20, resnet56 = names
    setting = _setting(lines)
    for claim, published, quantity, one, other, sign in (
        (f"the loss around {resnet56} bends down at fewer places than around {plain56}: share of "
         "negative second differences, difference",
         "plain-56 chaotic, not with shortcuts", "negative_curvature", resnet56, plain56, -1),
        (f"the loss around {plain56} bends down at more places than around {plain20}",
         "plain-20 nearly convex, plain-56 chaotic", "negative_curvature", plain56, plain20, 1),
        (f"the loss rises on more steps away from {resnet56} than from {plain56}",
         "convex contours with shortcuts", "outward_rising", resnet56, plain56, 1),
        (f"{plain56} lies in a narrower valley than {plain20}: share of a line with a loss below "
         "chance, difference", "sharper without shortcuts as depth grows", "valley", plain56,
         plain20, -1),
        (f"{resnet56} lies in a wider valley than {plain56}", "flatter with shortcuts", "valley",
         resnet56, plain56, 1),
    ):  # fmt: skip
        found = spread([a - b for a, b in zip(facts[one][quantity], facts[other][quantity],
                                              strict=True)])  # fmt: skip
        yield Claim(
            claim=claim, source=SOURCE, published=published, measured=found.mean, low=found.low,
            high=found.high, n=found.n, of="directions", setting=setting,
            verdict=signed(found.mean, found.low, found.high, sign),
        )  # fmt: skip
    yield _same_size(facts, resnet20, resnet56, setting)


def _same_size(facts, shallow: str, deep: str, setting: str) -> Claim:
    """Judge that sizes are almost the same: a quarter is how far off they may be."""
    ratios = [b / a for a, b in zip(facts[shallow]["valley"], facts[deep]["valley"], strict=True)
              if a]  # fmt: skip
    found = spread(ratios or [math.nan])
    verdict = near(found.mean, 1.0, low=found.low, high=found.high, tolerance=0.25)
    return Claim(
        claim=f"the valleys of {shallow} and {deep} are almost of one size: ratio",
        source=SOURCE, published="almost the same size (20 and 110 layers): 1, within 25 %",
        measured=found.mean, low=found.low, high=found.high, n=found.n, of="directions",
        setting=setting, verdict=verdict if ratios else Verdict.NOT_TESTABLE,
    )  # fmt: skip


def _facts(frame: pd.DataFrame, name: str) -> dict[str, list[float]]:
    """Return what each line through a network says."""
    found: dict[str, list[float]] = {"negative_curvature": [], "outward_rising": [], "valley": []}
    for _, rows in frame[frame["network"] == name].groupby("direction"):
        losses = rows.sort_values("a")["loss"].to_numpy()
        facts = shape_facts(losses)
        found["negative_curvature"].append(facts["negative_curvature"])
        found["outward_rising"].append(facts["outward_rising"])
        # the run of places around the network, not others that happen to be as low
        found["valley"].append(_run(losses < math.log(10)) / len(losses))
    return found


def _run(low: np.ndarray) -> int:
    half = len(low) // 2
    if not low[half]:
        return 0
    right = np.argmin(np.append(low[half:], False))
    left = np.argmin(np.append(low[half::-1], False))
    return int(left + right - 1)


def _setting(result: Result) -> str:
    data, settings = result.meta["data"], result.meta["settings"]
    names = ", ".join(dict.fromkeys(entry["network"] for entry in result.meta["networks"]))
    return (
        f"{names}; {data['data_set']}, {data['split']}, {data['n']} images; lines of "
        f"{settings['points']} places up to {settings['span']:g} times the filters' norms away"
    )


def draw(results: Mapping[str, Result]) -> dict[str, Figure]:
    """Draw the first direction's lines, and the planes."""
    line = results["line"]
    first = line.frame[line.frame["direction"] == 0]
    return {
        "line": figure(Result("landscape", first.reset_index(drop=True), line.meta)),
        "plane": figure(results["plane"]),
    }


def options(parser: argparse.ArgumentParser) -> None:
    """Add how much is measured."""
    parser.add_argument("--images", type=int, default=100, help="for the lines")
    parser.add_argument("--points", type=int, default=51, help="on a line")
    parser.add_argument("--directions", type=int, default=4, help="lines through each network")
    parser.add_argument("--images-plane", type=int, default=64)
    parser.add_argument("--points-plane", type=int, default=15, help="along each direction")
    parser.add_argument("--span-plane", type=float, default=0.5, help="in filter norms")


ANALYSIS = Analysis(
    file=__file__,
    kinds=("line", "plane"),
    measure=measure,
    claims=claims,
    draw=draw,
    options=options,
    captions={
        "line": "Loss and error along the first direction through each network.",
        "plane": "Loss over a plane through each network: plain networks above, residual below.",
    },
    smoke={"images": 20, "points": 5, "directions": 2, "images_plane": 10, "points_plane": 3},
    own=tuple(Own(arch=arch) for arch in ("plain20", "plain56", "resnet20", "resnet56")),
)

if __name__ == "__main__":
    ANALYSIS.run()
