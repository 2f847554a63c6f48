"""``resprobe readout``: what the network would answer after every block."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resprobe.cli import options as o
from resprobe.cli.probing import Question, probing
from resprobe.cli.say import table
from resprobe.cli.subjects import Subject

if TYPE_CHECKING:
    from resprobe.datasets import Batches
    from resprobe.probes import Plan, Readout
    from resprobe.results import Result

__all__ = ["readout", "told"]

READOUT_IMAGES = 1_000


@probing(images=READOUT_IMAGES)
def readout(
    question: Question,
    fit_images: o.FitImages = None,
    penalty: Annotated[
        float,
        typer.Option(
            "--penalty",
            metavar="X",
            help="Of the probes' ridge regression on standardised features.",
        ),
    ] = 1e-3,
    stable: Annotated[
        int,
        typer.Option(
            "--stable",
            metavar="N",
            min=1,
            help="Blocks that must repeat a probe's prediction to make it stable.",
        ),
    ] = 2,
) -> None:
    """Read the network's answer after every block, and see how it forms.

    Accuracy of the network's own head after each block of the last stage, and of
    a linear probe after every block; the direction of each branch against the
    loss's gradient; how far each block is from its stage's end; after how many
    blocks images are decided. Several networks are overlaid.

    Example: resprobe readout --ckpt r110.pt --images 2000 --fit-images 5000
    """
    from resprobe import probes
    from resprobe.cli.batch_norm import note_running

    def measure(subject: Subject, **named: Any) -> Readout:
        note_running(subject, quiet=question.quiet)
        return probes.readout(
            subject.chain,
            subject.data,
            fit=_fitted_on(subject, fit_images),
            penalty=penalty,
            stable=stable,
            **named,
        )

    def plan(subject: Subject) -> Plan:
        fit = _fitted_on(subject, fit_images)
        return probes.plan_readout(subject.chain, subject.data, fit=fit)

    question.answer(measure, plan=plan, tell=told)


def _fitted_on(subject: Subject, images: int | None) -> Batches | None:
    from resprobe.datasets.labels import check_labels
    from resprobe.errors import UsageError

    if images == 0:
        return None
    check_labels(subject.data.data, wanted_for="a read-out")
    if subject.request.split == "train":
        raise UsageError(
            "--split train: probes are fitted on training images and read on others; choose "
            "--split test, or --fit-images 0 to leave the probes out"
        )
    return subject.training(images, what="--fit-images")


def told(blocks: Result, decisions: Result, borderline: Result) -> str:
    """Return the read-outs as a table for people, with decisions and unsure images below."""
    frame = blocks.frame
    shown = frame[["network", "block", "name", "stage"]].copy()
    rows = frame.to_dict("records")
    for of in ("probe", "head"):
        shown[of] = [_fraction(row, f"{of}_accuracy") for row in rows]
    shown["same answer"] = [_number(row["head_agreement"], ".3f") for row in rows]
    shown["cosine"] = [_with_error(row, "cosine") for row in rows]
    for of in ("mean", "std"):
        shown[f"error {of}"] = [_number(row[f"error_{of}_relative"], ".3f") for row in rows]
    n, fitted = int(frame["n"].iloc[0]), int(frame["probe_n"].max())
    probe = f"linear probe fitted on {fitted:,} training images, " if fitted else ""
    return "\n".join(
        [
            table(shown),
            *_depths(decisions),
            *_unsure(borderline),
            f"Accuracy on {n:,} images [95 %]: {probe}network's own head (same answer: as the "
            "network); cosine of F(x) and dL/dx ± standard error; error: block output less stage "
            "output, over the stage output's standard deviation.",
        ]
    )


def _depths(decisions: Result) -> list[str]:
    """Say after how many blocks predictions are made, network by network."""
    lines = []
    stable = decisions.meta["settings"]["stable"]
    what = {
        "probe": "the probe gives the network's answer for good after",
        "probe-stable": f"the probe gives an answer that it repeats {stable} times after",
        "head": "the head, put into the last stage, gives the network's answer for good after",
    }
    for (network, method), rows in decisions.frame.groupby(["network", "method"], sort=False):
        row, blocks = rows.iloc[0], len(rows) - 1
        if method == "probe-stable" and stable >= blocks:
            said = f"{blocks} blocks are too few to repeat an answer {stable} times."
        else:
            ends = ", ".join(_number(row[f"depth_{end}"], ".2f") for end in ("low", "high"))
            said = (
                f"{what[str(method)]} {row['depth']:.2f} [{ends}] of {blocks} blocks in the mean."
            )
        lines.append(f"{network}: {said}")
    return lines


def _unsure(borderline: Result) -> list[str]:
    """Say what the last blocks do for images whose two most probable classes are close."""
    lines = []
    gap, frame = borderline.meta["settings"]["gap"], borderline.frame
    chosen = frame[(frame["group"] == "borderline") & (frame["judged"] == "before")]
    last = borderline.meta["settings"]["last"]
    for network, rows in chosen.groupby("network", sort=False):
        ordered = rows.sort_values("block")
        first = ordered.iloc[max(0, len(ordered) - 1 - last)]
        end = ordered.iloc[-1]
        if not first["n"] or first["block"] == end["block"]:
            continue
        lines.append(
            f"{network}: of {first['n']:,} borderline images (gap below {gap:g} after block "
            f"{first['block']}) {first['accuracy']:.3f} are right there and "
            f"{end['accuracy']:.3f} at the end."
        )
    return lines


def _fraction(row: dict[Hashable, Any], name: str) -> str:
    if math.isnan(row[name]):
        return "-"
    return f"{row[name]:.3f} [{row[f'{name}_low']:.3f}, {row[f'{name}_high']:.3f}]"


def _with_error(row: dict[Hashable, Any], name: str) -> str:
    if math.isnan(row[name]):
        return "-"
    return f"{row[name]:+.3f} ± {_number(row[f'{name}_se'], '.3f')}"


def _number(value: float, form: str) -> str:
    return "-" if math.isnan(value) else f"{value:{form}}"
