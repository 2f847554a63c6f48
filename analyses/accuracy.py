"""The published accuracy of trained networks is met.

Number    2
Question  Published weights of ResNet-20, 32, 44 and 56 come with their test errors on CIFAR-10:
          8.27, 7.37, 6.90 and 6.61 %. Are these met, to 0.05 points?
Command   python analyses/accuracy.py --ckpt resnet20.th --ckpt resnet32.th \
              --data folder:cifar10-jpeg --label "CIFAR-10, JPEG copies"
Full      resprobe data fetch cifar10
          python analyses/accuracy.py --only-ckpt --ckpt resnet20.th --ckpt resnet32.th \
          --ckpt resnet44.th --ckpt resnet56.th --data cifar10
Cost      1 min for each network on one core: a forward pass over 10,000 images.
Source    He et al. 2015, Table 6; github.com/akamaster/pytorch_resnet_cifar10, its table of errors.
Setting   The weights are the published ones. The images are JPEG copies of the 10,000 test images,
          on which every network errs more: what was published can be met on CIFAR-10 itself alone.
          A network of width 8 that was trained here on Fashion-MNIST stands beside them.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
import torch
from kit.analysis import Analysis
from kit.claims import Claim, Verdict, near, signed
from kit.networks import Own
from kit.subjects import Subject
from kit.tables import Rows, measured_once, rows_of
from matplotlib.figure import Figure

from resprobe import Batches, Chain
from resprobe.chain import left_as_found
from resprobe.figures.provenance import add_footer
from resprobe.figures.theme import despine, theme
from resprobe.results import Result, versions
from resprobe.statistics import paired_difference, wilson

PUBLISHED = {  # layers: of the weights, of the paper
    20: (0.0827, 0.0875),
    32: (0.0737, 0.0751),
    44: (0.0690, 0.0717),
    56: (0.0661, 0.0697),
}
TOLERANCE = 0.0005
IMAGES = 10_000
WEIGHTS = "github.com/akamaster/pytorch_resnet_cifar10, pretrained_models"


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Answer all test images once with every network."""

    def answered(subject: Subject) -> Result:
        images = subject.shown(asked.images or subject.data.n)
        spec = subject.architecture.spec if subject.architecture else ""
        about = {"network": subject.name, "architecture": spec, **subject.about}
        meta = {**versions(), "data": images.describe(), "networks": [about]}
        right = answers(subject.chain, images)
        frame = pd.DataFrame({"network": subject.name, "right": right.numpy()})
        return Result("answers", frame, meta)

    found = measured_once(asked, "answers", answered)
    return {"accuracy": Result("accuracy", counted(found), found.meta)}


def answers(chain: Chain, data: Batches) -> torch.Tensor:
    """Return for every image whether the network's answer is right."""
    with left_as_found(chain, training=False), torch.inference_mode():
        return torch.cat([(chain(x).argmax(1) == y).cpu() for x, y in data])


def counted(found: Result) -> pd.DataFrame:
    """Return errors, and of each published network the rise from the next shallower one."""
    rows, before = [], None
    for one in sorted(rows_of(found), key=lambda rows: published_depth(rows) or math.inf):
        depth, right = published_depth(one), one.frame["right"].to_numpy(bool)
        low, high = wilson(int(right.sum()), len(right))
        row = {
            "network": one.network, "layers": depth, "n": len(right), "correct": right.sum(),
            "error": 1 - right.mean(), "error_low": 1 - high, "error_high": 1 - low,
            **dict(zip(("published", "paper"), PUBLISHED.get(depth, (math.nan,) * 2), strict=True)),
            "shallower": "", "rise": math.nan, "rise_low": math.nan, "rise_high": math.nan,
        }  # fmt: skip
        if depth and before is not None:
            row |= {"shallower": before[0], **_rise(right, before[1])}
        before = (one.network, right) if depth else before
        rows.append(row)
    return pd.DataFrame(rows)


def published_depth(rows: Rows) -> int:
    """Return how many layers a network has that is one of the published; 0 if it is none."""
    spec = rows.facts["architecture"]
    return next((depth for depth in PUBLISHED if spec == f"resnet{depth}"), 0)


def _rise(right: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """Return how much more often the first errs than the other, image by image."""
    counts = (right & other, right & ~other, ~right & other, ~right & ~other)
    gain, low, high = paired_difference(*(int(some.sum()) for some in counts))
    return {"rise": -gain, "rise_low": -high, "rise_high": -low}


def claims(results: Mapping[str, Result]) -> Iterable[Claim]:
    """Hold each published error against the one found on the same images, if they are these."""
    accuracy = results["accuracy"]
    for depth in PUBLISHED:
        rows = accuracy.frame[accuracy.frame["layers"] == depth]
        yield _of(depth, rows.iloc[0] if len(rows) else None, accuracy)
    deeper = accuracy.frame[accuracy.frame["shallower"] != ""]
    for row in deeper.itertuples():
        published = row.published - accuracy.frame.set_index("network")["published"][row.shallower]
        yield Claim(
            claim=f"test error of {row.network}, less that of {row.shallower}, on the same images",
            source="He et al. 2015, Table 6",
            published=f"below 0 ({100 * published:.2f} points on CIFAR-10 itself)",
            measured=row.rise, low=row.rise_low, high=row.rise_high, n=row.n, of="images",
            percent=True, setting=_images(accuracy, row.network),
            verdict=signed(row.rise, row.rise_low, row.rise_high, -1),
        )  # fmt: skip


def _of(depth: int, row: pd.Series | None, accuracy: Result) -> Claim:
    of_weights, of_paper = PUBLISHED[depth]
    shared = {
        "claim": f"test error of the published ResNet-{depth} on CIFAR-10",
        "source": "akamaster's table of errors; He et al. 2015, Table 6",
        "published": f"{100 * of_weights:.2f} %, to 0.05 points (paper: {100 * of_paper:.2f} %)",
        "percent": True,
    }
    if row is None:
        setting = f"wants {WEIGHTS}/resnet{depth}.th, and CIFAR-10 itself"
        return Claim(setting=setting, verdict=Verdict.NOT_TESTABLE, **shared)
    images = _images(accuracy, row["network"])
    if not images.startswith("cifar10") or row["n"] != IMAGES:
        found = [f"{100 * row[name]:.2f}" for name in ("error", "error_low", "error_high")]
        setting = (
            f"wants CIFAR-10 itself, 170 MB; on {images}, it errs on {found[0]} % "
            f"[{found[1]}, {found[2]}]"
        )
        return Claim(setting=setting, verdict=Verdict.NOT_TESTABLE, **shared)
    return Claim(
        measured=row["error"], low=row["error_low"], high=row["error_high"], n=row["n"],
        of="images", setting=images,
        verdict=near(row["error"], of_weights, tolerance=TOLERANCE / of_weights), **shared,
    )  # fmt: skip


def _images(accuracy: Result, network: str) -> str:
    return next(rows.images for rows in rows_of(accuracy) if rows.network == network)


def draw(results: Mapping[str, Result]) -> dict[str, Figure]:
    """Draw each error with its interval beside the published ones."""
    frame, x = results["accuracy"].frame, range(len(results["accuracy"].frame))
    said = {rows.network: rows for rows in rows_of(results["accuracy"])}
    with theme():
        made = Figure(figsize=(5.0, 3.2), layout="constrained")
        ax = made.subplots()
        off = [frame["error"] - frame["error_low"], frame["error_high"] - frame["error"]]
        ax.errorbar(x, 100 * frame["error"], yerr=[100 * end for end in off], fmt="o", capsize=3,
                    label="here, 95 % interval")  # fmt: skip
        for column, marker, label in (
            ("published", "s", "published for these weights, on CIFAR-10 itself"),
            ("paper", "^", "published in the paper, on CIFAR-10 itself"),
        ):
            ax.plot(x, 100 * frame[column], marker, markerfacecolor="none", label=label)
        names = [
            f"{name}\n{said[name].facts['training']}\n{said[name].images.partition(':')[0]}"
            for name in frame["network"]
        ]
        ax.set_xticks(list(x), names)
        ax.set(xlim=(-0.6, len(frame) - 0.4), ylabel="Test error (%)")
        ax.set_ylim(bottom=0)
        despine(ax)
        made.legend(loc="outside upper left")
        add_footer(made, results["accuracy"])
    return {"accuracy": made}


def options(parser: argparse.ArgumentParser) -> None:
    """Add the script's own options."""
    parser.add_argument("--images", type=int, default=0, help="fewer than all (0)")


ANALYSIS = Analysis(
    file=__file__,
    kinds=("accuracy",),
    measure=measure,
    claims=claims,
    captions={"accuracy": "Test error of published weights and of a network trained here, beside "
                          "what was published for CIFAR-10 itself."},
    draw=draw,
    options=options,
    smoke={"images": 100},
    own=(Own(arch="resnet20"),),
    any_networks=True,
)  # fmt: skip

if __name__ == "__main__":
    ANALYSIS.run()
