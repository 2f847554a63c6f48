"""``resprobe similarity``: how alike layers represent the same images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer

from resprobe.cli.probing import Question, probing
from resprobe.cli.say import progress, table
from resprobe.cli.subjects import Subject

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from resprobe.results import Result

__all__ = ["similarity", "told"]

SIMILARITY_IMAGES = 1_000


@probing(images=SIMILARITY_IMAGES)
def similarity(
    question: Question,
    interiors: Annotated[
        bool,
        typer.Option("--interiors", help="Compare layers inside the branches too."),
    ] = False,
) -> None:
    """Compare the representations of all blocks, within and between networks.

    Linear CKA from unbiased estimates on batches, averaged. Of two networks with
    the same layers, the share that find each other is counted. --out saves every
    pair of layers and draws them.

    Example: resprobe similarity --ckpt a.pt --ckpt b.pt --interiors
    """
    from resprobe import probes
    from resprobe.cli.batch_norm import note_running

    def measure(subjects: list[Subject]) -> Sequence[Result]:
        for subject in subjects:
            note_running(subject, quiet=question.quiet)
        first, *others = (
            probes.Compared(chain=s.chain, data=s.data, network=s.network, about=s.about)
            for s in subjects
        )
        with progress("similarity", quiet=question.quiet) as step:
            return probes.similarity(
                first.chain,
                first.data,
                network=first.network,
                others=others,
                interiors=interiors,
                seed=question.request.seed,
                about=first.about,
                progress=step,
            )

    question.answer_at_once(
        measure,
        plan=lambda s: probes.plan_similarity(s.chain, s.data, interiors=interiors),
        tell=told,
    )


def told(layers: Result, summary: Result) -> str:
    """Return the means as a table for people; the pairs themselves are many."""
    frame = summary.frame
    n, batches = (int(layers.frame[name].iloc[0]) for name in ("n", "batches"))
    lines = [table(_shown(frame[frame["measure"] != "identified"]))] if len(frame) else []
    for row in frame[frame["measure"] == "identified"].to_dict("records"):
        which = "layers" if row["places"] == "all" else f"{row['places']}s"
        lines.append(
            f"{row['network']}: {row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}] of "
            f"{row['n']} {which} are most like the corresponding one of {row['other_network']}."
        )
    if not len(frame):
        lines.append("A network of one block has no two layers to compare.")
    return "\n".join(
        [
            *lines,
            f"Linear CKA, unbiased, mean over pairs of different layers [95 %, jackknife], {n:,} "
            f"images in {batches} batch{'es' * (batches != 1)}; n counts pairs, and --out saves "
            "each of them.",
        ]
    )


def _shown(frame: pd.DataFrame) -> pd.DataFrame:
    shown = frame[["network", "other_network", "measure", "places", "stages"]].copy()
    shown = shown.rename(columns={"other_network": "with"})
    shown["CKA"] = [
        "-"
        if math.isnan(row["value"])
        else f"{row['value']:.3f} [{_end(row['low'])}, {_end(row['high'])}]"
        for row in frame.to_dict("records")
    ]
    return shown.assign(n=frame["n"])


def _end(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"
