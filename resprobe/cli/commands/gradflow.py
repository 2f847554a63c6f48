"""``resprobe gradflow``: how gradients divide between identity and residual path."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resprobe.cli.probing import Question, probing
from resprobe.cli.say import note, table
from resprobe.cli.subjects import Subject

if TYPE_CHECKING:
    from resprobe.probes import GradientFlow, Plan, Statistics
    from resprobe.results import Result

__all__ = ["gradflow", "told"]

GRADFLOW_IMAGES = 256


@probing(images=GRADFLOW_IMAGES)
def gradflow(
    question: Question,
    batch_norm: Annotated[
        str,
        typer.Option(
            "--batch-norm",
            metavar="NAME",
            help="Statistics of BatchNorm: running or batch; auto takes running for a trained "
            "network and batch for one at initialisation.",
        ),
    ] = "auto",
) -> None:
    """Split the gradient at every block into its identity and its residual part.

    Several networks are overlaid.

    Example: resprobe gradflow --arch plain20,plain56,resnet56
    """
    from resprobe.errors import one_of

    if batch_norm not in ("auto", "running", "batch"):
        raise one_of("choice for --batch-norm", batch_norm, ("auto", "running", "batch"))
    question.answer(
        partial(_followed, batch_norm=batch_norm, quiet=question.quiet),
        plan=partial(_planned, batch_norm=batch_norm),
        tell=lambda blocks, _weights: told(blocks),
        combine=_together,
    )


def _followed(subject: Subject, *, batch_norm: str, quiet: bool, **named: Any) -> GradientFlow:
    from resprobe import probes

    statistics = _statistics(subject, batch_norm)
    if statistics == "batch" and subject.has_batch_norm:
        sizes = f"each batch of {min(subject.data.batch_size, subject.data.n)}"
        note(f"{subject.network}: BatchNorm uses the statistics of {sizes}", quiet=quiet)
    return probes.gradflow(subject.chain, subject.data, batch_norm=statistics, **named)


def _planned(subject: Subject, *, batch_norm: str) -> Plan:
    from resprobe import probes

    statistics = _statistics(subject, batch_norm)
    return probes.plan_gradflow(subject.chain, subject.data, batch_norm=statistics)


def _statistics(subject: Subject, batch_norm: str) -> Statistics:
    running = batch_norm == "running" or (batch_norm == "auto" and subject.trained)
    return "running" if running else "batch"


def _together(parts: Sequence[Result]) -> Result:
    """Put the networks' results into one, which names the statistics of those with BatchNorm."""
    from resprobe.results import Result, combined

    whole = combined(parts)
    used = dict.fromkeys(str(p.meta["batch_norm"]) for p in parts if p.meta["batch_norm"])
    meta = {**whole.meta, "batch_norm": " and ".join(used) or None}
    return Result(whole.name, whole.frame, meta)


def told(result: Result) -> str:
    """Return the gradient flow as a table for people."""
    frame = result.frame.rename(columns={"residual_share": "residual share"})
    numbers = ["output", "identity", "residual", "input", "cosine", "residual share"]
    shown = frame[["network", "block", "name", "stage", "kind", *numbers]].copy()
    for column in numbers:
        shown[column] = frame[column].map("{:.4g}".format).replace("nan", "-")
    n = int(frame["n"].iloc[0])
    return (
        f"{table(shown)}\n"
        f"L2 norms of dL/dx per image, mean over {n} images; L is the cross entropy summed over "
        "images."
    )
