"""``resprobe landscape``: the loss around a network, along directions of its filters' size."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resprobe.cli.batch_norm import note_running
from resprobe.cli.parts import part_file
from resprobe.cli.probing import Question, probing
from resprobe.cli.say import note, table
from resprobe.cli.subjects import Subject

if TYPE_CHECKING:
    from resprobe.results import Result

__all__ = ["landscape", "told"]

LANDSCAPE_IMAGES = 500


@probing(images=LANDSCAPE_IMAGES)
def landscape(
    question: Question,
    line: Annotated[
        bool, typer.Option("--line", help="Along one direction, and not over a plane of two.")
    ] = False,
    points: Annotated[
        int | None,
        typer.Option(
            "--points",
            metavar="N",
            help="Along each direction, an odd number (default 21; 51 on a line).",
        ),
    ] = None,
    span: Annotated[
        float,
        typer.Option(
            "--span", metavar="X", help="How far to each side, in lengths of the directions."
        ),
    ] = 1.0,
) -> None:
    """Measure the loss around a network, along random directions (Li et al. 2018).

    Each filter of a direction is as large as that filter of the network, so that
    networks can be compared; BatchNorm and biases stay. Several networks are drawn
    side by side with the same levels. With --out, a slice that is interrupted goes
    on where it stopped.

    Example: resprobe landscape --ckpt r20.pt --ckpt p20.pt --line
    """
    from resprobe import probes
    from resprobe.probes.kept import forget
    from resprobe.training.distributed import World

    kept: list[Path] = []

    def measure(subject: Subject, **named: Any) -> Result:
        note_running(subject, quiet=question.quiet)
        part = None
        if question.out is not None:
            part = part_file(question.out, "landscape", subject.network, _kind(line=line))
            kept.append(part)
        return probes.landscape(
            subject.chain, subject.data, points=points, span=span, line=line, resume=part,
            say=partial(note, quiet=question.quiet), **named,
        )  # fmt: skip

    question.answer(
        measure,
        plan=lambda s: probes.plan_landscape(s.chain, s.data, points=points, span=span, line=line),
        tell=told,
    )
    for part in kept:
        forget(part, World())


def _kind(*, line: bool) -> str:
    return "line" if line else "plane"


def told(result: Result) -> str:
    """Return what the slices say, a row per network."""
    import pandas as pd

    rows = []
    for entry in result.meta["networks"]:
        facts = entry["landscape"]
        frame = result.frame[result.frame["network"] == entry["network"]]
        centre = frame[(frame["a"] == 0) & (frame["b"] == 0)].iloc[0]
        rows.append(
            {
                "network": entry["network"],
                "loss": _number(centre["loss"], ".4f"),
                "error": f"{centre['error']:.4f}",
                "lowest": _number(facts["lowest"], ".4f"),
                "highest": _number(facts["highest"], ".4g"),
                **{f"below {level}": f"{share:.3f}" for level, share in facts["below"].items()},
                "outward rising": _number(facts["outward_rising"], ".3f"),
                "rays rising": _number(facts["rays_rising"], ".3f"),
                "negative curvature": _number(facts["negative_curvature"], ".3f"),
                "not finite": facts["not_finite"],
            }
        )
    settings, n = result.meta["settings"], int(result.frame["n"].iloc[0])
    places = settings["points"] if settings["line"] else settings["points"] ** 2
    return (
        f"{table(pd.DataFrame(rows))}\n"
        f"Loss (nats per image) and error of the network itself, and of {places} places up to "
        f"{settings['span']:g} filter norms away, on {n} image(s) in eval mode with stored "
        "statistics; below: share of places with less loss; rising: share of steps away from the "
        "network, and of whole rays, on which the loss rises; negative curvature: share of second "
        "differences."
    )


def _number(value: float, form: str) -> str:
    return f"{value:{form}}" if math.isfinite(value) else str(value)
