"""What is said of training: the errors at its end."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from resprobe.figures.series import gather
from resprobe.report.compare import Kin, like_with_like, percent, points
from resprobe.results import Result
from resprobe.statistics import wilson

__all__ = ["training_sentences"]


def training_sentences(results: Sequence[Result], *, kin: Kin) -> list[str]:
    """Say with which errors the training ended, and how plain and residual networks compare."""
    columns = ("epoch", "train_error", "train_n", "validation_error", "validation_n")
    series = gather(results, name="train", numbers=columns)
    ends = {one.label: one.rows.sort_values("epoch").iloc[-1] for one in series}
    sentences = [_training_end(label, end) for label, end in ends.items()]
    for plain, residual in like_with_like(series, kin):
        pair = {one.label: ends[one.label] for one in (residual, plain)}
        sentences += [_error_contrast(pair, "train"), _error_contrast(pair, "validation")]
    return [sentence for sentence in sentences if sentence]


def _training_end(label: str, end: pd.Series) -> str:
    said = f"{label} ends epoch {end['epoch']:.0f} with a training error of "
    said += percent(end["train_error"])
    if math.isnan(end["validation_error"]):
        return f"{said}; no images were held out for validation."
    held_out = f"{end['validation_n']:,.0f} images held out"
    return f"{said} and an error of {percent(end['validation_error'])} on {held_out}."


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
    n = int(end[f"{which}_n"])
    return wilson(round(end[f"{which}_error"] * n), n) if n else (0.0, 1.0)
