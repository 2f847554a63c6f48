"""The numbers of each study as a reader wants them: percent, units in the headings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pandas as pd

from resprobe.figures.lesion.reading import reported
from resprobe.report.tables.written import headed, interval, percent, together
from resprobe.results import Result

__all__ = [
    "blocks_table",
    "borderline_table",
    "decisions_table",
    "gradflow_table",
    "left_out_table",
    "lesion_table",
    "magnitude_table",
    "paths_table",
    "readout_table",
    "recipe_table",
    "responses_table",
    "training_table",
    "weights_table",
]

_BLOCK = {
    "network": "network",
    "block": "block",
    "name": "name",
    "stage": "stage",
    "kind": "kind",
}


def training_table(results: Sequence[Result]) -> pd.DataFrame:
    """Return one row per network and epoch."""
    frame = together(results)
    table = frame[["network", "epoch"]].copy()
    if "learning_rate" in frame:
        table["learning rate"] = frame["learning_rate"]
    table["training error (%)"] = percent(frame["train_error"])
    table["validation error (%)"] = percent(frame["validation_error"])
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
    frame = reported(together(results)).reset_index(drop=True)
    table = frame[["network"]].copy()
    table["deleted block"] = frame["blocks"].astype(str).where(frame["k"] > 0, "none\u00a0(intact)")
    for column in ("name", "stage", "kind"):
        if column in frame:
            table[column] = frame[column].astype(str).where(frame["k"] > 0, "")
    fixed = (frame["k"] > 0) & ~frame["deletable"].astype(bool)
    table.loc[fixed, "kind"] += " (cannot be deleted)"
    table["accuracy (%)"] = percent(frame["accuracy"])
    table["interval (%)"] = interval(frame, "accuracy")
    table["error rise (points)"] = percent(frame["error_rise"])
    table["interval (points)"] = interval(frame, "error_rise")
    if "loss" in frame:
        table["loss"] = frame["loss"]
    return table


gradflow_table = partial(
    headed,
    headings={
        **_BLOCK,
        "input": "norm at the input",
        "identity": "identity part",
        "residual": "residual part",
        "cosine": "cosine of the parts",
        "residual_share": "residual share",
    },
)
"""One row per network and block."""

weights_table = partial(
    headed,
    headings={
        "network": "network",
        "parameter": "parameter",
        "block": "block",
        "gradient_norm": "gradient norm",
        "weight_norm": "weight norm",
    },
)
"""One row per network and parameter."""

paths_table = partial(
    headed,
    headings={
        "network": "network",
        "method": "method",
        "transitions": "transitions",
        "length": "length",
        "paths_share": "share of paths (%)",
        "average": "norm of the mean path",
        "rms": "rms of single paths",
        "weight": "number × norm (%)",
        "projection": "of the gradient (%)",
        "effective": "effective",
    },
)
"""One row per network, method and length."""

magnitude_table = partial(
    headed,
    headings={
        **_BLOCK,
        "ratio": "ratio",
        "ratio_q10": "10 % of images below",
        "ratio_q90": "90 % of images below",
        "branch_norm": "‖F(x)‖",
        "shortcut_norm": "‖s(x)‖",
        "cosine": "cosine",
        "negative_share": "sum below 0 (%)",
        "response_std": "response",
    },
)
"""One row per network and block."""

responses_table = partial(
    headed,
    headings={
        "network": "network",
        "layer": "layer",
        "name": "name",
        "block": "block",
        "place": "place",
        "response_std": "response",
        "response_std_se": "standard error",
        "from_batch_norm": "by BatchNorm's parameters",
        "rank": "rank",
    },
)
"""One row per network and layer."""

readout_table = partial(
    headed,
    headings={
        **_BLOCK,
        "probe_accuracy": "probe (%)",
        "probe_accuracy_interval": "probe, interval (%)",
        "head_accuracy": "head (%)",
        "head_accuracy_interval": "head, interval (%)",
        "head_agreement": "head as the network (%)",
        "cosine": "cosine with the gradient",
        "error_std_relative": "distance to the stage's end",
    },
)
"""One row per network and block."""

decisions_table = partial(
    headed,
    headings={
        "network": "network",
        "method": "method",
        "block": "block",
        "name": "name",
        "images": "images",
        "share": "share (%)",
        "cumulative": "by then (%)",
    },
)
"""One row per network, method and deciding block."""

borderline_table = partial(
    headed,
    headings={
        "network": "network",
        "judged": "judged",
        "group": "group",
        "block": "block",
        "n": "images",
        "accuracy": "accuracy (%)",
        "accuracy_interval": "interval (%)",
    },
)
"""One row per network, group of images and block."""


def recipe_table(results: Sequence[Result]) -> pd.DataFrame:
    """Return one row per setting, and a column for each network."""
    frame = together(results)
    settings = list(dict.fromkeys(frame["setting"].astype(str)))
    table = pd.DataFrame({"setting": settings})
    for network, rows in frame.groupby("network", sort=False):
        values = dict(zip(rows["setting"].astype(str), rows["value"].astype(str), strict=True))
        table[str(network)] = [values.get(setting, "") for setting in settings]
    return table


def blocks_table(results: Sequence[Result]) -> pd.DataFrame:
    """Return one row per step of a chain, blocks numbered, the others not."""
    frame = together(results)
    number = frame["block"].astype(str).where(frame["block"] >= 0, "")
    table = pd.DataFrame({"name": frame["name"], "block": number, "kind": frame["kind"]})
    table["stage"] = frame["stage"].astype(str).where(frame["block"] >= 0, "")
    for column, heading in (
        ("in_shape", "input"),
        ("out_shape", "output"),
        ("parameters", "parameters"),
        ("multiply_adds", "multiply-adds"),
    ):
        if column in frame:
            table[heading] = frame[column]
    if "error_rise" in frame:
        table["error rise without it (points)"] = percent(frame["error_rise"])
    return table


def left_out_table(results: Sequence[Result]) -> pd.DataFrame:
    """Return one row per network and study that was not made."""
    frame = together(results)
    rows = frame[~frame["done"].astype(bool)]
    return rows[["network", "study", "reason"]].rename(columns={"study": "left out"})
