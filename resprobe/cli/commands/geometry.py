"""``resprobe geometry``: the Jacobians of the branches, and the path of the states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resprobe.cli.batch_norm import note_running
from resprobe.cli.geometry_tables import told
from resprobe.cli.probing import Question, listed, probing
from resprobe.cli.subjects import Subject

if TYPE_CHECKING:
    from resprobe.results import Result

__all__ = ["geometry"]

GEOMETRY_IMAGES = 8


@probing(images=GEOMETRY_IMAGES)
def geometry(
    question: Question,
    k: Annotated[
        int,
        typer.Option(
            "--k",
            metavar="N",
            min=1,
            help="Singular values and vectors of each branch; more than there are classes "
            "tells the rank.",
        ),
    ] = 12,
    iterations: Annotated[
        int,
        typer.Option(
            "--iterations",
            metavar="N",
            min=0,
            help="Of the randomised decomposition; the residual says how far they came.",
        ),
    ] = 6,
) -> None:
    """Decompose the Jacobian of every branch, and see if blocks pull in one direction.

    Singular values and rank of each branch, how the singular vectors of different
    blocks agree, and whether the states of an image go along a line in equal
    steps (residual alignment, Li and Papyan 2023). A few images will do. Several
    networks are overlaid; with three depths the law of sigma 1 is told.

    Example: resprobe geometry --ckpt r110.pt --images 4
    """
    from resprobe import probes

    def measure(found: list[Subject]) -> list[Result]:
        return together([listed(question.measured(measured, subject)) for subject in found])

    def measured(subject: Subject, **named: Any) -> Sequence[Result]:
        note_running(subject, quiet=question.quiet)
        return probes.geometry(subject.chain, subject.data, k=k, iterations=iterations, **named)

    question.answer_at_once(
        measure,
        plan=lambda s: probes.plan_geometry(s.chain, s.data, k=k, iterations=iterations),
        tell=told,
    )


def together(parts: Sequence[Sequence[Result]]) -> list[Result]:
    """Put networks into one result of each kind, and fit how sigma 1 goes with the depth.

    Kinds without rows, as of networks in which no two blocks can be compared, are left out.
    """
    from resprobe.probes import depth_slopes
    from resprobe.results import Result, combined

    whole = [combined(kind) for kind in zip(*parts, strict=True)]
    blocks = whole[0]
    plain = {entry["network"]: bool(entry["plain"]) for entry in blocks.meta["networks"]}
    laws = depth_slopes(blocks.frame, plain) if len(plain) > 1 else []
    meta = {**blocks.meta, "depth": laws}
    return [
        Result(blocks.name, blocks.frame, meta),
        *(result for result in whole[1:] if len(result.frame)),
    ]
