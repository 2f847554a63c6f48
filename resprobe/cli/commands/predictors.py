"""``resprobe predictors``: whether size or gradient says beforehand what a deletion costs."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resprobe.cli.probing import Question, probing
from resprobe.cli.say import table

if TYPE_CHECKING:
    import pandas as pd

    from resprobe.results import Result

__all__ = ["predictors", "told"]

PREDICTORS_IMAGES = 1_000
RELIABLE = 0.5  # below, two halves of the images hardly agree on which block matters


@probing(images=PREDICTORS_IMAGES)
def predictors(
    question: Question,
    sets: Annotated[
        int,
        typer.Option(
            "--sets",
            metavar="N",
            min=2,
            help="Disjoint image sets that are measured apart, which shows the noise.",
        ),
    ] = 20,
) -> None:
    """Correlate the size and gradient of every residual branch with the damage of deleting it.

    Rank correlations over the blocks, with intervals; what the images leave open is told apart
    from what so few blocks leave open. Several networks are overlaid.

    Example: resprobe predictors --ckpt r110.pt --images 500
    """
    from resprobe import probes

    question.answer(
        lambda subject, **named: probes.predictors(subject.chain, subject.data, sets=sets, **named),
        plan=lambda subject: probes.plan_predictors(subject.chain, subject.data, sets=sets),
        tell=told,
    )


def told(blocks: Result, correlations: Result) -> str:
    """Return both tables for people: what was measured, and how it goes together."""
    figures = ["ratio", "residual_share", "cosine", "error_rise", "loss_rise"]
    measured = blocks.frame[["network", "block", "name", "kind"]].copy()
    for figure in figures:
        measured[figure.replace("_", " ")] = [
            f"{row[figure]:.3f} ± {row[f'{figure}_se']:.3f}"
            for row in blocks.frame.to_dict("records")
        ]
    frame = correlations.frame
    spearman = frame[frame["method"] == "spearman"]
    n, sets = int(frame["images"].iloc[0]), int(frame["sets"].iloc[0])
    return "\n".join(
        [
            table(measured),
            f"Mean ± standard error, {n} images in {sets} sets; loss in nats per image.",
            "",
            table(_shown(spearman)),
            "Spearman's rank correlation over n blocks [95 % interval, the blocks as a sample]; p "
            "of as strong a one by chance; images: its middle 95 % with other image sets; "
            "agreement of a measurement with itself on other images, predictor / damage.",
            *_verdicts(spearman),
        ]
    )


def _shown(frame: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    rows = frame.to_dict("records")
    return pd.DataFrame(
        {
            "network": frame["network"].to_list(),
            "predictor": frame["predictor"].to_list(),
            "damage": frame["damage"].to_list(),
            "blocks": frame["blocks"].to_list(),
            "n": frame["n"].to_list(),
            "correlation": [_estimate(row) for row in rows],
            "p": [_number(row["p"], ".4f") for row in rows],
            "images": [_between(row, "resampled_low", "resampled_high") for row in rows],
            "agreement": [
                " / ".join(
                    _number(row[f"reliability_{of}"], ".2f") for of in ("predictor", "damage")
                )
                for row in rows
            ],
        }
    )


def _number(value: float, form: str) -> str:
    return "-" if math.isnan(value) else f"{value:{form}}"


def _estimate(row: dict[Hashable, Any]) -> str:
    if math.isnan(row["estimate"]):
        return "-"
    return f"{row['estimate']:+.2f} {_between(row, 'low', 'high')}"


def _between(row: dict[Hashable, Any], low: str, high: str) -> str:
    return "-" if math.isnan(row[low]) else f"[{row[low]:+.2f}, {row[high]:+.2f}]"


def _verdicts(frame: pd.DataFrame) -> list[str]:
    """Say in words, network by network, what the size of a branch tells of the damage."""
    main = frame[(frame["predictor"] == "ratio") & (frame["blocks"] == "all")]
    lines = []
    for network, rows in main.groupby("network", sort=False):
        found = rows.to_dict("records")
        said = "; ".join(f"{row['damage'].replace('_', ' ')}, {_verdict(row)}" for row in found)
        lines.append(f"{network}: does size predict damage? {said}.")
        noisy = [row for row in found if row["reliability_damage"] < RELIABLE]
        if noisy:
            which = " and ".join(row["damage"].replace("_", " ") for row in noisy)
            lines.append(f"{network}: the order of the {which} is mostly noise; take more images.")
    return lines


def _verdict(row: dict[Hashable, Any]) -> str:
    if math.isnan(row["estimate"]):
        return "not to be said, as nothing can be put in order"
    if row["low"] > 0:
        said = "yes, larger branches cost more"
    elif row["high"] < 0:
        said = "yes, but larger branches cost less"
    else:
        said = f"not shown by {row['n']} blocks"
    return f"{said} ({_estimate(row)})"
