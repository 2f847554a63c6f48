"""What is said of training: the errors at its end, and of which epoch the weights are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from resprobe.figures.series import Series, gather
from resprobe.report.compare import Kin, like_with_like, percent, points, unlike
from resprobe.results import Result
from resprobe.statistics import wilson

__all__ = ["training_sentences"]


def training_sentences(results: Sequence[Result], *, kin: Kin) -> list[str]:
    """Say with which errors the training ended, and how plain and residual networks compare."""
    columns = ("epoch", "train_error", "train_n", "validation_error", "validation_n")
    series = gather(results, name="train", numbers=columns)
    ends = {one.label: epochs.iloc[-1] for one in series if len(epochs := _epochs(one))}
    sentences = [
        said
        for one in series
        if one.label in ends
        for said in (_training_end(one.label, ends[one.label]), _examined(one))
    ]
    for plain, residual in like_with_like(series, kin, results):
        if plain.label in ends and residual.label in ends:
            pair = {one.label: ends[one.label] for one in (residual, plain)}
            sentences += [_error_contrast(pair, "train"), _error_contrast(pair, "validation")]
    return [sentence for sentence in [*sentences, *unlike(series, kin, results)] if sentence]


def _epochs(series: Series) -> pd.DataFrame:
    return series.rows[series.rows["epoch"].notna()].sort_values("epoch")


def _training_end(label: str, end: pd.Series) -> str:
    said = f"{label} ends epoch {end['epoch']:.0f} with a training error {_of(end['train_error'])}"
    if not end["validation_n"] > 0:
        return f"{said}; no images were held out for validation."
    held_out = f"{end['validation_n']:,.0f} images held out"
    return f"{said} and an error {_of(end['validation_error'])} on {held_out}."


def _of(error: float) -> str:
    return f"of {percent(error)}" if math.isfinite(error) else "that is not finite"


def _examined(series: Series) -> str:
    """Say of which epoch the weights are, where that is known and not the last."""
    best, epochs = series.facts.get("best_epoch"), _epochs(series)
    if not isinstance(best, int) or isinstance(best, bool) or best == epochs["epoch"].iloc[-1]:
        return ""
    errors = epochs[epochs["epoch"] == best]["validation_error"]
    known = len(errors) == 1 and math.isfinite(errors.iloc[0])
    beside = f" (validation error {percent(errors.iloc[0])})" if known else ""
    return f"The weights of {series.label} examined are those of epoch {best}{beside}."


def _error_contrast(ends: dict[str, pd.Series], which: str) -> str:
    (first, a), (second, b) = ends.items()
    rise = a[f"{which}_error"] - b[f"{which}_error"]
    if not math.isfinite(rise):
        return ""
    name = "training" if which == "train" else which
    if rise == 0:
        return f"In {name} error {first} and {second} end equal."
    side = "below" if rise < 0 else "above"
    said = f"In {name} error {first} ends {points(abs(rise))} {side} {second}"
    intervals = [_interval(end, which) for end in (a, b)]
    overlap = max(low for low, _ in intervals) <= min(high for _, high in intervals)
    return f"{said}; their 95\u00a0% intervals overlap." if overlap else f"{said}."


def _interval(end: pd.Series, which: str) -> tuple[float, float]:
    n = end[f"{which}_n"]
    return wilson(round(end[f"{which}_error"] * n), int(n)) if n > 0 else (0.0, 1.0)
