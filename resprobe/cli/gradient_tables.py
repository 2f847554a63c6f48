"""Gradient flow as tables and sentences for people."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from resprobe.cli.say import counted, table

if TYPE_CHECKING:
    import pandas as pd

    from resprobe.results import Result

__all__ = ["told", "told_training"]

NUMBERS = {
    "output": "output",
    "identity": "identity",
    "residual": "residual",
    "input": "input",
    "cosine": "cosine",
    "residual_share": "residual share",
    "identity_path": "identity path",
}
MOST_STEPS = 12


def told(result: Result) -> str:
    """Return the gradient flow as a table for people, and how the gradient grows."""
    frame = result.frame
    shown = frame[["network", "block", "name", "stage", "kind"]].copy()
    for column, head in NUMBERS.items():
        shown[head] = _numbers(frame[column])
    n = int(frame["n"].iloc[0])
    return "\n".join(
        [
            table(shown),
            f"L2 norms of dL/dx per image, mean over {n} images; L is the cross entropy summed "
            "over images. Identity path: what comes from the last block by shortcuts alone.",
            *(_growth(entry) for entry in result.meta["networks"] if entry["growth"]["blocks"]),
        ]
    )


def _growth(entry: dict[str, Any]) -> str:
    growth = entry["growth"]
    between = (
        ""
        if math.isnan(growth["low"])
        else f" [{growth['low']:.3f}, {growth['high']:.3f}; 95 % over blocks]"
    )
    return (
        f"{entry['network']}: towards the input the gradient grows by a factor of "
        f"{growth['factor']:.3f}{between} per layer, in {counted(growth['blocks'], 'block')} that "
        f"keep{'s' * (growth['blocks'] == 1)} the shape."
    )


def told_training(result: Result) -> str:
    """Return the gradient of the first, the middle and the last block through a training."""
    import pandas as pd

    unit, frame = result.meta["unit"], result.frame
    rows = []
    for network, whole in frame.groupby("network", sort=False):
        blocks = sorted(whole["block"].unique())
        steps = sorted(whole["step"].unique())
        every = max(1, math.ceil(len(steps) / MOST_STEPS))
        kept = {*steps[::every], steps[-1]}
        for place in dict.fromkeys((blocks[0], blocks[len(blocks) // 2], blocks[-1])):
            part = whole[(whole["block"] == place) & whole["step"].isin(kept)]
            rows.append(part.assign(network=network))
    chosen = pd.concat(rows)
    shown = chosen[["network", "step", "block", "name"]].rename(columns={"step": unit})
    for column in ("identity", "residual", "input", "identity_path"):
        if chosen[column].notna().any():
            shown[NUMBERS[column]] = _numbers(chosen[column])
    loss = (
        "the cross entropy summed over images"
        if unit == "epoch"
        else "the loss as it was differentiated"
    )
    return (
        f"{table(shown)}\n"
        f"L2 norms of dL/dx per image, mean over images; L is {loss}. First, middle and last "
        "block; --out and --json have all."
    )


def _numbers(column: pd.Series) -> list[str]:
    return ["-" if math.isnan(value) else f"{value:.4g}" for value in column]
