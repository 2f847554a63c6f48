"""The size of a branch is a weak predictor of what its deletion costs.

Number    31
Question  Each block is replaced by the identity. Does the size of its branch, ||F|| / ||s||, say
          little of how far the accuracy then falls, and what its branch adds that is new, beside
          the shortcut, more?
Command   python analyses/predictors.py --ckpt resnet20.th --ckpt resnet32.th \
              --data folder:cifar10-jpeg --label "CIFAR-10, JPEG copies"
Full      python analyses/predictors.py --only-ckpt --ckpt resnet50.pth \
              --data imagenet:data/imagenet --images 10000
Cost      1 to 4 min for each network on one core: L passes over half of the network for L
          blocks.
Source    "Where redundancy lives", submitted to ICLR 2026.
Setting   The paper's network is ResNet-50 on ImageNet. Here: published weights of ResNet-20 and
          32, and narrow networks after short trainings. Its definition of novelty is not at hand;
          here it is the share of the branch that is orthogonal to the shortcut, ||F - proj F|| /
          ||F|| = sin(F, s), mean over images. Transitions are left out: they have no identity.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping

import numpy as np
import torch
from kit.analysis import Analysis
from kit.claims import Claim, Verdict, signed
from kit.nearness import captioned, drawn, nearest_first
from kit.networks import Own
from kit.scatters import Panel, scattered
from kit.subjects import Subject
from kit.tables import Rows, measured_once
from matplotlib.figure import Figure

from resprobe import Batches, Chain, lesion, magnitude
from resprobe.chain import Passage, left_as_found, pass_through
from resprobe.ranks import spearman, spearman_rho
from resprobe.results import Result

SOURCE = '"Where redundancy lives", ICLR 2026 submission'
WEAK = 0.5  # half: the ranks then share a quarter of their variance
RESAMPLES = 2_000
COLUMNS = [
    "network", "blocks", "name", "stage", "kind", "n", "error_rise", "error_rise_low",
    "error_rise_high", "loss_rise",
]  # fmt: skip


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Measure sizes, angles and what each deletion costs."""

    def of(subject: Subject) -> Result:
        images = subject.shown(asked.images)
        deleted = lesion(subject.chain, images, network=subject.name, about=subject.about)
        frame = deleted.frame[deleted.frame["lesion"] != "intact"].reset_index(drop=True)
        ratio = magnitude(subject.chain, images).blocks.frame["ratio"]
        new = novelty(subject.chain, images)
        table = frame[COLUMNS].assign(ratio=ratio, novelty=new)
        return Result("predictor-blocks", table, deleted.meta)

    return {"blocks": measured_once(asked, "blocks", of)}


def novelty(chain: Chain, data: Batches) -> np.ndarray:
    """Return for each block the sine of branch and shortcut, mean over images where both are."""
    sines: list[list[torch.Tensor]] = [[] for _ in chain.blocks]

    def see(passed: Passage) -> None:
        if passed.branch is None or passed.shortcut is None or passed.number is None:
            return
        branch, shortcut = (t.flatten(1).double() for t in (passed.branch, passed.shortcut))
        length = branch.norm(dim=1) * shortcut.norm(dim=1)
        cosine = (branch * shortcut).sum(1) / length
        sine = (1 - cosine.clamp(-1, 1) ** 2).sqrt()
        sines[passed.number].append(sine[length > 0].cpu())

    with left_as_found(chain, training=False), torch.inference_mode():
        for x, _ in data:
            pass_through(chain, x, see)
    return np.array([float(torch.cat(parts).mean()) for parts in sines])


def claims(results: Mapping[str, Result]) -> Iterable[Claim]:
    """Correlate over identity blocks, network by network."""
    for rows in nearest_first(results["blocks"]):
        yield from _of(rows)


def _of(rows: Rows) -> Iterable[Claim]:
    identity = rows.frame[rows.frame["kind"] == "identity"]
    ratio, new, rise = (identity[c].to_numpy() for c in ("ratio", "novelty", "error_rise"))
    shared = {"n": len(rise), "of": "blocks", "setting": rows.setting, "source": SOURCE}
    size, other = spearman(ratio, rise), spearman(new, rise)
    yield Claim(
        claim="rank correlation of ||F|| / ||s|| and the rise of the error",
        published=f"weak: below {WEAK}",
        measured=size.estimate, low=size.low, high=size.high,
        verdict=weak(size.estimate, size.low, size.high), **shared,
    )  # fmt: skip
    yield Claim(
        claim="rank correlation of novelty, sin(F, s), and the rise of the error",
        published="above 0",
        measured=other.estimate, low=other.low, high=other.high,
        verdict=signed(other.estimate, other.low, other.high, 1), **shared,
    )  # fmt: skip
    more, low, high = gain(new, ratio, rise)
    yield Claim(
        claim="correlation of the rise with novelty, less that with ||F|| / ||s||",
        published="above 0: novelty predicts better",
        measured=more, low=low, high=high, verdict=signed(more, low, high, 1), **shared,
    )  # fmt: skip


def weak(rho: float, low: float, high: float) -> Verdict:
    """Judge a correlation that should be weak, whatever its sign."""
    if not abs(rho) < WEAK:
        return Verdict.NOT_REPRODUCED
    whole = max(abs(low), abs(high)) < WEAK
    return Verdict.REPRODUCED if whole else Verdict.SAME_DIRECTION


def gain(one: np.ndarray, other: np.ndarray, rise: np.ndarray) -> tuple[float, float, float]:
    """Return how much closer one predictor is than another, and 95 % by resampling the blocks."""
    drawn = np.random.default_rng(0).integers(len(rise), size=(RESAMPLES, len(rise)))
    found = spearman_rho(one[drawn], rise[drawn]) - spearman_rho(other[drawn], rise[drawn])
    low, high = np.nanquantile(found, (0.025, 0.975))
    return float(spearman_rho(one, rise) - spearman_rho(other, rise)), float(low), float(high)


def draw(results: Mapping[str, Result]) -> dict[str, Figure]:
    """Draw what each deletion costs over size and novelty."""
    return drawn(results["blocks"], "blocks", draw=_scattered)


def _scattered(part: Result) -> Figure:
    identity = part.frame[part.frame["kind"] == "identity"]
    shown = Result(part.name, identity, part.meta)
    panels = [
        Panel(result=shown, x=column, y="error_rise", x_label=label,
              y_label="Rise of the error (points)")
        for column, label in (
            ("ratio", "Size of the branch, ‖F‖ / ‖s‖"),
            ("novelty", "Novelty of the branch, sin(F, s)"),
        )
    ]  # fmt: skip
    return scattered(panels, small_print=part)


def options(parser: argparse.ArgumentParser) -> None:
    """Add the script's own options."""
    parser.add_argument("--images", type=int, default=2_000, help="to measure on")


CAPTION = "Rise of the error after the deletion of each identity block, over size and novelty."

ANALYSIS = Analysis(
    file=__file__,
    kinds=("blocks",),
    measure=measure,
    claims=claims,
    captions=captioned("blocks", CAPTION),
    draw=draw,
    options=options,
    smoke={"images": 40},
    own=(Own(arch="resnet110"), Own(arch="preresnet110")),
    any_networks=True,
)

if __name__ == "__main__":
    ANALYSIS.run()
