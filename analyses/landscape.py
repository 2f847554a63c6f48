"""The loss around plain and residual networks, deep and shallow, along the same directions.

Question  Is the loss around a deep plain network rough, and around a residual one smooth?
Command   python analyses/landscape.py --ckpt plain20.pt --ckpt plain56.pt --ckpt resnet20.pt \
              --ckpt resnet56.pt
          Four trained networks in this order: plain and residual, shallow and deep. --data is for
          those that do not know their images. What is measured is kept in OUT/parts.
Cost      On one core of a server CPU, with the numbers below and networks of width 8: some
          5 min. --smoke takes seconds.
Source    Li, Xu, Taylor, Studer, Goldstein 2018, sections 5 and 6, Figs. 5 and 7.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from claims import Claim, signed
from matplotlib.figure import Figure
from script import Theme, given
from subjects import Subject, labelled, once, trained

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
    if len(asked.ckpt) != len(ROLES):
        raise UsageError(f"four networks are wanted ({'; '.join(ROLES)}); got {len(asked.ckpt)}")
    lines, planes = [], []
    for path, read in zip(asked.ckpt, given(asked, split="train"), strict=True):
        parts, known = asked.out / "parts", _lazily(read)
        lines += [
            once(
                parts / f"{path.stem}-line{seed}",
                lambda seed=seed, known=known: _line(known(), asked, seed),
            )
            for seed in range(asked.directions)
        ]
        planes.append(
            once(parts / f"{path.stem}-plane", lambda known=known: _plane(known(), asked))
        )
    found = {"line": combined(lines), "plane": combined(planes)}
    return {kind: labelled(result, asked.label) for kind, result in found.items()}


def _lazily(read):
    found: list[Subject] = []

    def known() -> Subject:
        if not found:
            found.append(read())
        return found[0]

    return known


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
    """Compare networks along each line, so that a direction is its own pair."""
    lines = results["line"]
    names = list(dict.fromkeys(lines.frame["network"]))
    facts = {name: _facts(lines.frame, name) for name in names}
    plain20, plain56, resnet20, resnet56 = names
    setting = _setting(lines)
    for claim, published, quantity, one, other, sign in (
        (f"the loss around {plain56} bends down at more places than around {plain20}: share of "
         "negative second differences, difference",
         "plain-20 nearly convex, plain-56 chaotic", "negative_curvature", plain56, plain20, 1),
        (f"the loss around {resnet56} bends down at fewer places than around {plain56}",
         "no chaotic behaviour with shortcuts", "negative_curvature", resnet56, plain56, -1),
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
    """Judge that sizes are almost the same: within a quarter, a rule set beforehand."""
    ratios = [b / a for a, b in zip(facts[shallow]["valley"], facts[deep]["valley"], strict=True)
              if a]  # fmt: skip
    found = spread(ratios)
    near = 0.75 <= found.mean <= 1.25
    return Claim(
        claim=f"the valleys of {shallow} and {deep} are almost of one size: ratio, within 1/4 of 1",
        source=SOURCE, published="almost the same size (20 and 110 layers)", measured=found.mean,
        low=found.low, high=found.high, n=found.n, of="directions", setting=setting,
        verdict="reproduced" if near else "not reproduced",
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
        f"{settings['points']} places up to {settings['span']:g} filter norms away"
    )


def drawn(results: Mapping[str, Result]) -> dict[str, Figure]:
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


SMOKE = {
    "images": 20, "points": 5, "directions": 2, "images_plane": 10, "points_plane": 3,
}  # fmt: skip


class Landscape(Theme):
    """Needs four networks also for ``--smoke``."""

    def asked(self, arguments: list[str] | None) -> argparse.Namespace:
        """Read the command line; train what a tiny run lacks."""
        asked = super().asked(arguments)
        if asked.smoke and not asked.redraw and len(asked.ckpt) == 1:
            folder = asked.out / "checkpoints"
            names = ("plain8", "plain14", "resnet8", "resnet14")
            asked.ckpt = [trained(Path(folder / f"{name}.pt"), name=name) for name in names]
        return asked


THEME = Landscape(
    name="landscape", about=__doc__, kinds=("line", "plane"), measure=measure, claims=claims,
    options=options, smoke=SMOKE, draw=drawn, needs_networks=True,
)  # fmt: skip

if __name__ == "__main__":
    THEME.run()
