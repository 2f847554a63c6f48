"""The angle between the ends of a run of blocks says whether the run can be cut.

Number    29
Question  Of all runs of n blocks, the one whose input and output enclose the smallest angle is
          deleted. Does it cost less than the other runs of n blocks?
Command   python analyses/angular_distance.py --ckpt resnet20.th --ckpt resnet32.th \
              --data folder:cifar10-jpeg --label "CIFAR-10, JPEG copies"
Full      resprobe train --arch preresnet110 --data cifar10 --recipe he2015-cifar \
          --out preresnet110.pt
          python analyses/angular_distance.py --only-ckpt --ckpt preresnet110.pt --images 10000
Cost      Seconds for each network on one core: 42 deletions in one of 27 blocks.
Source    Gromov et al. 2024, arXiv:2403.17887.
Setting   The paper cuts up to half of the layers of language models, and heals them by a short
          training. Here: runs of 2, 4 and 8 blocks within a stage of image classifiers, no
          healing, BatchNorm keeps its statistics. d = arccos(cos) / pi of the two activations as
          one vector for each image, mean over the images that the deletions are tested on; their
          labels are not used to choose.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
import torch
from kit.analysis import Analysis
from kit.claims import Claim, Verdict, signed
from kit.nearness import captioned, drawn, nearest_first
from kit.networks import Own
from kit.scatters import Panel, scattered
from kit.subjects import Subject
from kit.tables import Rows, measured_once
from matplotlib.figure import Figure

from resprobe import Batches, Chain, lesion
from resprobe.chain import Passage, left_as_found, pass_through
from resprobe.probes.lesions.making import Lesion, OneRound, delete
from resprobe.ranks import spearman
from resprobe.results import Result
from resprobe.statistics import wilson

LENGTHS = (2, 4, 8)
FEWEST = 4  # runs of one length that are compared
COLUMNS = [
    "network", "length", "first", "distance", "distance_se", "chosen", "n", "error",
    "error_rise", "error_rise_low", "error_rise_high",
]  # fmt: skip


@dataclass(frozen=True)
class Runs(OneRound):
    """Delete every run of so many blocks of a stage, all of which keep the shape."""

    lengths: tuple[int, ...] = LENGTHS
    name: ClassVar[str] = "runs"

    def lesions(self, chain: Chain, generator: np.random.Generator) -> Iterator[Lesion]:
        """Yield the runs, the shortest first."""
        del generator
        for length in self.lengths:
            starts = range(len(chain.blocks) - length + 1)
            runs = [range(start, start + length) for start in starts]
            kept = [run for run in runs if in_one_stage(chain, run)]
            if len(kept) >= FEWEST:
                for run in kept:
                    yield delete(chain, list(run))


def in_one_stage(chain: Chain, run: Iterable[int]) -> bool:
    """Tell whether all blocks of a run keep the shape and lie in one stage."""
    blocks = [chain.blocks[number] for number in run]
    return len({b.stage for b in blocks}) == 1 and all(b.kind == "identity" for b in blocks)


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Measure angles, and delete every run."""
    study = Runs(tuple(asked.lengths))

    def of(subject: Subject) -> Result:
        images = subject.shown(asked.images)
        found = lesion(
            subject.chain, images, study=study, network=subject.name, about=subject.about
        )
        angles = distances(subject.chain, images)
        return Result("runs", together(found.frame, angles), found.meta)

    return {"runs": measured_once(asked, "runs", of)}


def together(frame: pd.DataFrame, angles: Mapping[tuple[int, int], np.ndarray]) -> pd.DataFrame:
    """Put the angle between the ends of each run beside what its deletion costs.

    Parameters
    ----------
    frame : DataFrame
        Of the deletions.
    angles : mapping of (int, int) to ndarray
        By first block and length of a run, for every image.
    """
    runs = frame[frame["lesion"] != "intact"].copy()
    first = runs["blocks"].str.partition("+")[0].astype(int)
    of_runs = [angles[key] for key in zip(first, runs["k"], strict=True)]
    runs["distance"] = [float(angle.mean()) for angle in of_runs]
    runs["distance_se"] = [float(a.std(ddof=1)) / math.sqrt(len(a)) for a in of_runs]
    smallest = runs.groupby("k")["distance"].idxmin()
    runs = runs.assign(length=runs["k"], first=first, chosen=runs.index.isin(smallest))
    return runs[COLUMNS].reset_index(drop=True)


def distances(chain: Chain, data: Batches) -> dict[tuple[int, int], np.ndarray]:
    """Return arccos(cos) / pi of the ends of every run within a stage, for every image."""
    found: dict[tuple[int, int], list[torch.Tensor]] = {}
    with left_as_found(chain, training=False), torch.inference_mode():
        for x, _ in data:
            for key, angle in _angles(chain, x).items():
                found.setdefault(key, []).append(angle.cpu())
    return {key: torch.cat(parts).double().numpy() for key, parts in found.items()}


def _angles(chain: Chain, x: torch.Tensor) -> dict[tuple[int, int], torch.Tensor]:
    starts: dict[int, torch.Tensor] = {}
    angles = {}

    def see(passed: Passage) -> None:
        if passed.number is None or chain.blocks[passed.number].kind != "identity":
            starts.clear()
            return
        starts[passed.number] = _directions(passed.start)
        end = _directions(passed.end)
        for first, start in starts.items():
            cosine = (start * end).sum(1).clamp(-1, 1)
            angles[first, passed.number - first + 1] = cosine.arccos() / math.pi

    pass_through(chain, x, see)
    return angles


def _directions(x: torch.Tensor) -> torch.Tensor:
    flat = x.flatten(1).double()
    return flat / flat.norm(dim=1, keepdim=True)


def claims(results: Mapping[str, Result]) -> Iterable[Claim]:
    """Compare the run that is chosen with all others of its length, network by network."""
    for rows in nearest_first(results["runs"]):
        for length, runs in sorted(rows.frame.groupby("length"), reverse=True):
            yield _of(rows, int(length), runs)
        shortest = rows.frame[rows.frame["length"] == rows.frame["length"].min()]
        found = spearman(shortest["distance"].tolist(), shortest["error_rise"].tolist())
        yield Claim(
            claim="rank correlation of the angle and the rise of the error, runs of "
            f"{shortest['length'].iloc[0]}",
            source="Gromov et al. 2024", published="above 0",
            measured=found.estimate, low=found.low, high=found.high, n=found.n,
            of="runs, which overlap", setting=rows.setting,
            verdict=signed(found.estimate, found.low, found.high, 1),
        )  # fmt: skip
    yield Claim(
        claim="share of the layers of Llama-2-70B that can be cut with little loss, after healing",
        source="Gromov et al. 2024", published="up to about half",
        setting="wants a language model of 70 billion parameters, and several GPUs to heal it on",
        verdict=Verdict.NOT_TESTABLE, percent=True,
    )  # fmt: skip


def _of(rows: Rows, length: int, runs: pd.DataFrame) -> Claim:
    chosen = runs[runs["chosen"]].iloc[0]
    others = runs.loc[~runs["chosen"], "error_rise"]
    more = int((others > chosen["error_rise"]).sum())
    low, high = wilson(more, len(others))
    share = more / len(others)
    block = f"block {chosen['first']}" if length == 1 else f"blocks {chosen['first']} to " + str(
        chosen["first"] + length - 1
    )  # fmt: skip
    return Claim(
        claim=f"the run of {length} with the smallest angle, {block}, costs "
        f"{100 * chosen['error_rise']:.1f} points, the others {100 * others.mean():.1f} in the "
        "mean: share of the others that cost more",
        source="Gromov et al. 2024", published="above one half",
        measured=share, low=low, high=high, n=len(others), of="other runs, which overlap",
        percent=True, setting=rows.setting,
        verdict=signed(share - 0.5, low - 0.5, high - 0.5, 1),
    )  # fmt: skip


def draw(results: Mapping[str, Result]) -> dict[str, Figure]:
    """Draw what each run costs over its angle, a panel for each length."""
    return drawn(results["runs"], "runs", draw=_scattered)


def _scattered(part: Result) -> Figure:
    panels = [
        Panel(
            result=Result(part.name, runs, part.meta), x="distance", y="error_rise",
            x_label="Angle between input and output, d", y_label="Rise of the error (points)",
            chosen="chosen", title="single blocks" if length == 1 else f"runs of {length} blocks",
        )
        for length, runs in part.frame.groupby("length")
    ]  # fmt: skip
    return scattered(panels, small_print=part)


def options(parser: argparse.ArgumentParser) -> None:
    """Add the script's own options."""
    parser.add_argument("--images", type=int, default=100, help="to test each deletion on")
    parser.add_argument("--lengths", type=int, nargs="+", default=LENGTHS, help="of runs")


CAPTION = (
    "Rise of the error after the deletion of every run of blocks within a stage, over the angle "
    "between its input and output; large open marks are the runs that the angle chooses."
)

ANALYSIS = Analysis(
    file=__file__,
    kinds=("runs",),
    measure=measure,
    claims=claims,
    captions=captioned("runs", CAPTION),
    draw=draw,
    options=options,
    smoke={"images": 50, "lengths": (1,)},
    own=(Own(arch="resnet56"),),
    any_networks=True,
)

if __name__ == "__main__":
    ANALYSIS.run()
