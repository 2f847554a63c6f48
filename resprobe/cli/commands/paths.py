"""``resprobe paths``: how much gradient comes along paths of each length."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resprobe.cli.batch_norm import note_running
from resprobe.cli.output import deliver, prepared
from resprobe.cli.path_tables import told, told_law
from resprobe.cli.probing import Question, probing
from resprobe.cli.say import note
from resprobe.cli.subjects import Subject
from resprobe.cli.values import length_range
from resprobe.cli.values import share as share_of
from resprobe.errors import UsageError

if TYPE_CHECKING:
    from resprobe.results import Result

__all__ = ["paths"]

PATHS_IMAGES = 64


@probing(images=PATHS_IMAGES)
def paths(
    question: Question,
    method: Annotated[
        str,
        typer.Option(
            "--method",
            metavar="NAME",
            help="exact: what all paths of a length carry together; rms: how large one is, by "
            "random signs; sampled: the same, path by path; all.",
        ),
    ] = "exact",
    transitions: Annotated[
        str,
        typer.Option(
            "--transitions",
            metavar="NAME",
            help="counted as any block; apart: run whole and not counted; both.",
        ),
    ] = "both",
    draws: Annotated[
        int,
        typer.Option(
            "--draws", metavar="N", help="Sweeps of rms; paths of each length of sampled."
        ),
    ] = 10,
    lengths: Annotated[
        str,
        typer.Option("--lengths", metavar="A-B", help="Lengths to report on, such as 5-17."),
    ] = "",
    share: Annotated[
        str,
        typer.Option(
            "--share", metavar="SHARE", help="Of the weight that the effective lengths hold."
        ),
    ] = "95%",
    at: Annotated[
        str,
        typer.Option(
            "--at", metavar="NAME", help="Gradient at the images, or at the first block's input."
        ),
    ] = "images",
    law: Annotated[
        int | None,
        typer.Option("--law", metavar="N", help="How long the 2^N paths are; no network is run."),
    ] = None,
    batch_norm: Annotated[
        str, typer.Option("--batch-norm", metavar="NAME", help="running; nothing else is sound.")
    ] = "running",
) -> None:
    """Measure how much gradient comes along paths of each length (Veit et al. 2016, fig. 6).

    A path takes branch or shortcut in every residual block; its length is the number of
    branches. Several networks are overlaid.

    Example: resprobe paths --ckpt r110.pt --method all
    """
    from resprobe import probes

    between = length_range(lengths, option="--lengths") if lengths else None
    asked: dict[str, Any] = {
        "method": method,
        "transitions": transitions,
        "draws": draws,
        "lengths": between,
        "at": at,
        "batch_norm": batch_norm,
    }
    held = share_of(share, option="--share")
    if law is not None:
        if question.names_networks or question.dry_run:
            raise UsageError("--law runs no network: give it alone, or with --lengths")
        _law(law, between, out=question.out, json=question.json, quiet=question.quiet)
        return
    seed = question.request.seed
    question.answer(
        partial(_measured, share=held, quiet=question.quiet, **asked),
        plan=lambda s: probes.plan_paths(s.chain, s.data, seed=seed, **asked),
        tell=told,
    )


def _measured(subject: Subject, *, quiet: bool, **asked: Any) -> Result:
    from resprobe import probes

    note_running(subject, quiet=quiet)
    result = probes.paths(subject.chain, subject.data, **asked)
    left_out = result.meta["networks"][0]["left_out"]
    if left_out:
        note(f"{subject.network}: {left_out}", quiet=quiet)
    return result


def _law(
    blocks: int, lengths: tuple[int, int] | None, *, out: Path | None, json: bool, quiet: bool
) -> None:
    from resprobe.probes import path_law

    result = path_law(blocks, lengths=lengths)
    with prepared(out):
        deliver([result], told_law, out=out, json=json, quiet=quiet)
