"""``resprobe magnitude``: how large the branches are, and how large every layer's response."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from resprobe.cli.batch_norm import BatchNorm, check_choice, statistics_of, together
from resprobe.cli.probing import Question, probing
from resprobe.cli.say import table
from resprobe.cli.subjects import Subject

if TYPE_CHECKING:
    import pandas as pd

    from resprobe.probes import Magnitudes
    from resprobe.results import Result

__all__ = ["magnitude", "told"]

MAGNITUDE_IMAGES = 1_000


@probing(images=MAGNITUDE_IMAGES)
def magnitude(question: Question, batch_norm: BatchNorm = "auto") -> None:
    """Measure every residual branch beside its shortcut, and every layer's response.

    Several networks are overlaid.

    Example: resprobe magnitude --ckpt r56.pt --ckpt p56.pt
    """
    from resprobe import probes

    check_choice(batch_norm)

    def measured(subject: Subject, **named: Any) -> Magnitudes:
        statistics = statistics_of(subject, batch_norm, quiet=question.quiet)
        return probes.magnitude(subject.chain, subject.data, batch_norm=statistics, **named)

    def plan(subject: Subject) -> probes.Plan:
        statistics = statistics_of(subject, batch_norm)
        return probes.plan_magnitude(subject.chain, subject.data, batch_norm=statistics)

    question.answer(measured, plan=plan, tell=told, combine=together)


def told(blocks: Result, responses: Result) -> str:
    """Return the sizes of the branches as a table, and the networks' layers in a sentence."""
    frame = blocks.frame
    shown = frame[["network", "block", "name", "kind"]].copy()
    shown["ratio"] = [
        "-" if math.isnan(r) else f"{r:.3f} ± {e:.3f}"
        for r, e in zip(frame["ratio"], frame["ratio_se"], strict=True)
    ]
    shown["q10 - q90"] = [
        "-" if math.isnan(low) else f"{low:.3f} - {high:.3f}"
        for low, high in zip(frame["ratio_q10"], frame["ratio_q90"], strict=True)
    ]
    for column, form in (
        ("branch_norm", ".2f"), ("shortcut_norm", ".2f"), ("cosine", "+.3f"),
        ("negative_share", ".3f"), ("response_std", ".3f"),
    ):  # fmt: skip
        shown[column.replace("_", " ")] = [
            "-" if math.isnan(value) else f"{value:{form}}" for value in frame[column]
        ]
    n = int(frame["n"].iloc[0])
    return "\n".join(
        [
            table(shown),
            f"Ratio: ||F(x)|| / ||s(x)|| per image, mean ± standard error and quantiles over {n} "
            "images; cosine of the two; share of the sum below 0; response: standard deviation of "
            "F(x) over all elements.",
            *_of_layers(responses.frame),
        ]
    )


def _of_layers(frame: pd.DataFrame) -> list[str]:
    lines = []
    for network, rows in frame.groupby("network", sort=False):
        ranked = rows.dropna(subset="rank")
        if ranked.empty:
            continue
        median = float(ranked["response_std"].median())
        line = f"{network}: median response of {len(ranked)} layers {median:.3f}"
        gap = (ranked["response_std"] / ranked["from_batch_norm"]).dropna()
        if len(gap):
            line += (
                f"; of {len(gap)} with BatchNorm behind them {gap.min():.3f} to {gap.max():.3f} "
                "times what its parameters say"
            )
        lines.append(f"{line}.")
    return lines
