"""Sentences worked out from results: each says what its numbers say, whichever way they point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from resprobe.figures.lesion.reading import reported
from resprobe.figures.series import Series, gather
from resprobe.report.compare import (
    Kin,
    chance_of,
    factor,
    like_with_like,
    percent,
    points,
    rounded,
)
from resprobe.results import Result
from resprobe.statistics import wilson

__all__ = ["gradflow_sentences", "lesion_sentences", "training_sentences"]

_OPPOSITE = "the opposite of what Veit et al. (2016) found"


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


def lesion_sentences(results: Sequence[Result], *, kin: Kin) -> list[str]:
    """Say what accuracy single deletions leave, and which networks they cost more."""
    columns = ("accuracy", "accuracy_low", "error_rise", "error_rise_low", "error_rise_high")
    texts = ("lesion", "kind", "blocks", "deletable")
    found = gather(results, name="lesion", numbers=columns, texts=texts)
    series = [replace(one, rows=reported(one.rows)) for one in found]
    sentences = [sentence for one in series for sentence in _deletions(one)]
    for plain, residual in like_with_like(series, kin):
        sentences += _lesion_contrast(plain, residual)
    return sentences


def _measured(series: Series) -> pd.DataFrame:
    rows = series.rows
    deletable = (rows["lesion"] != "intact") & rows["deletable"].astype(bool)
    return rows[deletable & rows["accuracy"].notna()]


def _deletions(series: Series) -> list[str]:
    rows, chance = _measured(series), chance_of(series)
    every = series.rows[series.rows["lesion"] != "intact"]
    sentences = []
    if len(rows):
        low, median, high = rows["accuracy"].quantile([0, 0.5, 1])
        span = percent(low) if len(rows) == 1 else f"{percent(low)} to {percent(high)}"
        beside = [f"median {percent(median)}"] if len(rows) > 1 else []
        intact = series.rows[series.rows["lesion"] == "intact"]["accuracy"]
        beside += [f"intact {percent(intact.iloc[0])}"] if len(intact) else []
        beside += [f"chance is {percent(chance)}"] if chance else []
        said = f"Deleting one block of {series.label} leaves an accuracy of {span}"
        sentences.append(f"{said} ({'; '.join(beside)})." if beside else f"{said}.")
    if chance and len(rows):
        lost = int((rows["accuracy_low"] <= chance).sum())
        count = {0: "none leaves", 1: "1 leaves"}.get(lost, f"{lost} leave")
        sentences.append(f"Of these {len(rows)} deletions, {count} it no better than chance.")
    fixed = int((~every["deletable"].astype(bool)).sum())
    if fixed:
        reason = "cannot be deleted, as a shape changes there"
        sentences.append(f"Of its {len(every)} blocks, {fixed} {reason}.")
    return sentences


def _lesion_contrast(plain: Series, residual: Series) -> list[str]:
    for one in (plain, residual):
        if _is_at_chance(one):
            return [f"Intact, {one.label} is no better than chance: its deletions say nothing."]
    p, r = _measured(plain), _measured(residual)
    if p.empty or r.empty:
        return []
    for more, less, costly, cheap in ((p, r, plain, residual), (r, p, residual, plain)):
        if more["error_rise_low"].min() > less["error_rise_high"].max():
            said = (
                f"Every deletion costs {costly.label} more than any costs {cheap.label}: at least "
                f"{points(more['error_rise'].min())} of accuracy against at most "
                f"{points(less['error_rise'].max())}"
            )
            return [f"{said}." if costly is plain else f"{said}; {_OPPOSITE}."]
    costs = [points(rows["error_rise"].median()) for rows in (p, r)]
    return [
        f"The median deletion costs {plain.label} {costs[0]} of accuracy and {residual.label} "
        f"{costs[1]}: {_verdict(p, r)}."
    ]


def _is_at_chance(series: Series) -> bool:
    intact = series.rows[series.rows["lesion"] == "intact"]["accuracy_low"]
    chance = chance_of(series)
    return bool(chance and len(intact) and intact.iloc[0] <= chance)


def _verdict(plain: pd.DataFrame, residual: pd.DataFrame) -> str:
    lows = [rows["error_rise_low"].median() for rows in (plain, residual)]
    highs = [rows["error_rise_high"].median() for rows in (plain, residual)]
    if lows[0] > highs[1]:
        return "the plain network depends more on each single block"
    if lows[1] > highs[0]:
        return f"here the residual network depends more on each single block, {_OPPOSITE}"
    return "their 95\u00a0% intervals overlap, so these images do not tell the two apart"


def gradflow_sentences(results: Sequence[Result], *, kin: Kin) -> list[str]:
    """Say how the gradient's norm changes along the depth, and how it divides in the blocks."""
    columns = ("block", "input", "identity", "residual")
    series = gather(results, name="gradflow", numbers=columns, texts=("kind",))
    sentences = [sentence for one in series for sentence in _along_depth(one)]
    for plain, residual in like_with_like(series, kin):
        sentences += _evenness_contrast(plain, residual)
    return sentences + [_division(one) for one in series if not one.is_plain]


def _norms(series: Series) -> np.ndarray:
    return series.rows.sort_values("block")["input"].to_numpy(dtype=float)


def _along_depth(series: Series) -> list[str]:
    norms, name = _norms(series), series.label
    sentences = []
    for count, what in (
        (int((norms == 0).sum()), "exactly 0"),
        (int((~np.isfinite(norms)).sum()), "not finite"),
    ):
        if count:
            sentences.append(f"In {name} the gradient is {what} at {count} of {len(norms)} blocks.")
    if sentences or len(norms) == 1:
        return sentences
    first, last = float(norms[0]), float(norms[-1])
    spread, ratio = float(norms.max() / norms.min()), first / last
    if spread < 2:
        within = f"stays within a factor of {factor(spread)} over all {len(norms)} blocks"
        return [f"In {name} the gradient norm {within}."]
    change = (
        f"grows by a factor of {factor(ratio)}"
        if ratio >= 1
        else f"shrinks by a factor of {factor(1 / ratio)}"
    )
    way = f"from the last block back to the first, {rounded(last)} to {rounded(first)}"
    if spread > 2 * max(ratio, 1 / ratio):
        way += f", and lies between {rounded(norms.min())} and {rounded(norms.max())} on the way"
    return [f"In {name} the gradient norm {change} {way}."]


def _evenness_contrast(plain: Series, residual: Series) -> list[str]:
    spreads = []
    for one in (plain, residual):
        norms = _norms(one)
        if len(norms) < 2 or not (np.isfinite(norms) & (norms > 0)).all():
            return []
        spreads.append(float(norms.max() / norms.min()))
    if max(spreads) < 1.25 * min(spreads):
        verdict = "about as even in the one as in the other"
    else:
        verdict = f"more even in {(plain, residual)[int(np.argmin(spreads))].label}"
    return [
        f"Over equal depth the largest norm is {factor(spreads[0])} times the smallest in "
        f"{plain.label} and {factor(spreads[1])} times in {residual.label}: "
        f"the gradient is {verdict}."
    ]


def _division(series: Series) -> str:
    identity, residual = series.numbers("identity"), series.numbers("residual")
    larger = int((identity > residual).sum())
    said = (
        f"In {series.label} the identity part is larger than the residual part in {larger} of "
        f"{len(identity)} blocks"
    )
    if "residual_share" not in series.rows.columns:
        return f"{said}."
    low, median, high = series.rows["residual_share"].astype(float).quantile([0, 0.5, 1])
    return f"{said}; the residual share is {median:.2f} at the median ({low:.2f} to {high:.2f})."
