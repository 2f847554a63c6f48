"""What is said of paths: which lengths weigh most, beside how many paths there are."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from resprobe.figures.series import Series, gather
from resprobe.report.compare import Kin, percent
from resprobe.results import Result

__all__ = ["path_sentences"]

_NUMBERS = ("length", "paths_share", "weight")
_LEADS = ("rms", "sampled", "exact")
_ALIKE = 0.05  # of the mean length: closer than this is "about as long"


def path_sentences(results: Sequence[Result], *, kin: Kin) -> list[str]:  # noqa: ARG001
    """Say how long paths are in the mean, and in the mean by number × norm.

    The product is the weight of a length. It is no share of the gradient, in which paths may
    cancel, so nothing is said of that.
    """
    series = gather(results, name="paths", numbers=_NUMBERS, texts=("method", "transitions"))
    return [sentence for one in series for sentence in _of_one(one)]


def _of_one(series: Series) -> list[str]:
    rows = _leading(series)
    weighted = rows[rows["weight"].notna()]
    if weighted.empty or weighted["weight"].sum() <= 0 or not rows["paths_share"].sum() > 0:
        return [f"Which lengths of path weigh most in {series.label} cannot be told."]
    return [_mean_lengths(series.label, rows, weighted), *_effective(series.label, rows)]


def _leading(series: Series) -> pd.DataFrame:
    """Return the rows of the method that leads, transitions counted as any block."""
    rows = series.rows
    rows = rows[rows["transitions"] == rows["transitions"].iloc[0]]
    method = next((m for m in _LEADS if (rows["method"] == m).any()), rows["method"].iloc[0])
    leading: pd.DataFrame = rows[rows["method"] == method]
    return leading.sort_values("length")


def _mean_lengths(label: str, rows: pd.DataFrame, weighted: pd.DataFrame) -> str:
    all_paths = float((rows["length"] * rows["paths_share"]).sum() / rows["paths_share"].sum())
    weighing = float((weighted["length"] * weighted["weight"]).sum() / weighted["weight"].sum())
    said = (
        f"A path of {label} takes {all_paths:.1f} branches in the mean over all paths, and "
        f"{weighing:.1f} in the mean when each length counts by its number × norm"
    )
    if abs(weighing - all_paths) < _ALIKE * max(all_paths, 1.0):
        return f"{said}: short and long paths weigh about what their number says."
    if weighing < all_paths:
        return f"{said}: short paths weigh more than their number says."
    opposite = "the opposite of what Veit et al. (2016) found"
    return f"{said}: long paths weigh more than their number says, {opposite}."


def _effective(label: str, rows: pd.DataFrame) -> list[str]:
    if "effective" not in rows:
        return []
    lengths = rows[rows["effective"].astype(bool)]
    if lengths.empty:
        return []
    low, high = int(lengths["length"].min()), int(lengths["length"].max())
    span = f"length {low}" if low == high else f"lengths {low} to {high}"
    return [
        f"In {label} paths of {span} (of 0 to {int(rows['length'].max())}) have "
        f"{percent(lengths['weight'].sum())} of the sum of number × norm; they are "
        f"{percent(lengths['paths_share'].sum())} of all paths."
    ]
