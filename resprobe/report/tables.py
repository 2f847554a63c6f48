"""The numbers of each study as a reader wants them: percent, units in the headings."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from resprobe.figures.lesion.reading import reported
from resprobe.results import Result

__all__ = ["gradflow_table", "lesion_table", "training_table", "weights_table"]


def training_table(results: Sequence[Result]) -> pd.DataFrame:
    """Return one row per network and epoch."""
    frame = _together(results)
    table = frame[["network", "epoch"]].copy()
    if "learning_rate" in frame:
        table["learning rate"] = frame["learning_rate"]
    table["training error (%)"] = _percent(frame["train_error"])
    table["validation error (%)"] = _percent(frame["validation_error"])
    for column, heading in (
        ("train_loss", "training loss"),
        ("validation_loss", "validation loss"),
        ("duration_s", "time (s)"),
    ):
        if column in frame:
            table[heading] = frame[column]
    return table


def lesion_table(results: Sequence[Result]) -> pd.DataFrame:
    """Return one row per network and deletion, the intact network first."""
    frame = reported(_together(results)).reset_index(drop=True)
    table = frame[["network"]].copy()
    table["deleted block"] = frame["blocks"].astype(str).where(frame["k"] > 0, "none\u00a0(intact)")
    for column in ("name", "stage", "kind"):
        if column in frame:
            table[column] = frame[column].astype(str).where(frame["k"] > 0, "")
    fixed = (frame["k"] > 0) & ~frame["deletable"].astype(bool)
    table.loc[fixed, "kind"] += " (cannot be deleted)"
    table["accuracy (%)"] = _percent(frame["accuracy"])
    table["interval (%)"] = _interval(frame, "accuracy")
    table["error rise (points)"] = _percent(frame["error_rise"])
    table["interval (points)"] = _interval(frame, "error_rise")
    if "loss" in frame:
        table["loss"] = frame["loss"]
    return table


def gradflow_table(results: Sequence[Result]) -> pd.DataFrame:
    """Return one row per network and block."""
    frame = _together(results)
    headings = {
        "network": "network",
        "block": "block",
        "name": "name",
        "stage": "stage",
        "kind": "kind",
        "input": "norm at the input",
        "identity": "identity part",
        "residual": "residual part",
        "cosine": "cosine of the parts",
        "residual_share": "residual share",
    }
    return frame[[c for c in headings if c in frame]].rename(columns=headings)


def weights_table(results: Sequence[Result]) -> pd.DataFrame:
    """Return one row per network and parameter."""
    frame = _together(results)
    headings = {
        "network": "network",
        "parameter": "parameter",
        "block": "block",
        "gradient_norm": "gradient norm",
        "weight_norm": "weight norm",
    }
    return frame[[c for c in headings if c in frame]].rename(columns=headings)


def _together(results: Sequence[Result]) -> pd.DataFrame:
    frame = pd.concat([result.frame for result in results], ignore_index=True)
    return frame.assign(network=frame["network"].astype(str))


def _percent(fractions: pd.Series) -> pd.Series:
    return (100 * fractions).round(2)


def _interval(frame: pd.DataFrame, column: str) -> pd.Series:
    low, high = 100 * frame[f"{column}_low"], 100 * frame[f"{column}_high"]
    written = [
        f"{a:.1f} to {b:.1f}".replace(" ", "\u00a0").replace("-", "−")
        for a, b in zip(low, high, strict=True)
    ]
    return pd.Series(written, index=frame.index).where(low.notna(), "–")
