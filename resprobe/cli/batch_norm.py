"""``--batch-norm``: whose statistics BatchNorm uses, for commands that look at new networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from resprobe.cli.say import note
from resprobe.cli.subjects import Subject
from resprobe.errors import one_of

if TYPE_CHECKING:
    from resprobe.probes import Statistics
    from resprobe.results import Result

__all__ = ["BatchNorm", "check_choice", "note_running", "statistics_of", "together"]

BatchNorm = Annotated[
    str,
    typer.Option(
        "--batch-norm",
        metavar="NAME",
        help="Statistics of BatchNorm: running or batch; auto takes running for a trained "
        "network and batch for one at initialisation.",
    ),
]


def check_choice(choice: str) -> None:
    """Raise UsageError unless it is one of the option's."""
    if choice not in ("auto", "running", "batch"):
        raise one_of("choice for --batch-norm", choice, ("auto", "running", "batch"))


def statistics_of(subject: Subject, choice: str, *, quiet: bool = True) -> Statistics:
    """Return what the choice means for a network; said where it is the batch's and not quiet."""
    if choice == "running" or (choice == "auto" and subject.trained):
        return "running"
    if not quiet and subject.has_batch_norm:
        sizes = f"each batch of {min(subject.data.batch_size, subject.data.n)}"
        note(f"{subject.network}: BatchNorm uses the statistics of {sizes}", quiet=quiet)
    return "batch"


def together(parts: Sequence[Result]) -> Result:
    """Put the networks' results into one, which names the statistics of those with BatchNorm."""
    from resprobe.results import Result, combined

    whole = combined(parts)
    used = dict.fromkeys(str(p.meta["batch_norm"]) for p in parts if p.meta["batch_norm"])
    meta = {**whole.meta, "batch_norm": " and ".join(used) or None}
    return Result(whole.name, whole.frame, meta)


def note_running(subject: Subject, *, quiet: bool) -> None:
    """Say where running statistics are used that mean nothing: before training."""
    if not subject.trained and subject.has_batch_norm:
        note(
            f"{subject.network}: BatchNorm uses its running statistics, which mean nothing before "
            "training",
            quiet=quiet,
        )
