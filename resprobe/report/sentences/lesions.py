"""What is said of deletions: what they leave, and which networks they cost more."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from resprobe.figures.lesion.reading import reported
from resprobe.figures.series import Series, gather
from resprobe.report.compare import Kin, chance_of, like_with_like, percent, points, unlike
from resprobe.results import Result

__all__ = ["lesion_sentences"]

_RISES = ["error_rise", "error_rise_low", "error_rise_high"]
_NOTHING = 0.0005  # 0.0 points as it is printed
_OPPOSITE = "the opposite of what Veit et al. (2016) found"


def lesion_sentences(results: Sequence[Result], *, kin: Kin) -> list[str]:
    """Say what accuracy single deletions leave, and which networks they cost more."""
    columns = ("accuracy", "accuracy_low", "accuracy_high", *_RISES)
    texts = ("lesion", "kind", "blocks", "deletable")
    found = gather(results, name="lesion", numbers=columns, texts=texts)
    series = [replace(one, rows=reported(one.rows)) for one in found]
    sentences = [sentence for one in series for sentence in _deletions(one)]
    for plain, residual in like_with_like(series, kin, results):
        sentences += _lesion_contrast(plain, residual)
    return sentences + unlike(series, kin, results)


def _measured(series: Series) -> pd.DataFrame:
    rows = series.rows
    deletable = (rows["lesion"] != "intact") & rows["deletable"].astype(bool)
    return rows[deletable & rows["accuracy"].notna()]


def _deletions(series: Series) -> list[str]:
    rows, chance = _measured(series), chance_of(series)
    every = series.rows[series.rows["lesion"] != "intact"]
    sentences = _without_labels(series) if rows.empty else []
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
        sentences.append(_beside_chance(rows, chance))
    fixed = int((~every["deletable"].astype(bool)).sum())
    if fixed:
        reason = "cannot be deleted, as a shape changes there"
        sentences.append(f"Of its {len(every)} blocks, {fixed} {reason}.")
    return sentences


def _beside_chance(rows: pd.DataFrame, chance: float) -> str:
    """Count the deletions whose interval holds chance, and those whose interval is below it."""
    below = rows["accuracy_high"] < chance
    lost = int(((rows["accuracy_low"] <= chance) & ~below).sum())
    count = {0: "none leaves", 1: "1 leaves"}.get(lost, f"{lost} leave")
    said = (
        f"Of these {len(rows)} deletions, {count} an accuracy that cannot be told from chance with "
    )
    said += _images(rows)
    return f"{said}, and {below.sum()} less than chance." if below.any() else f"{said}."


def _images(rows: pd.DataFrame) -> str:
    number = float(pd.to_numeric(rows["n"], errors="coerce").iloc[0]) if "n" in rows else math.nan
    return f"these {number:,.0f} images" if math.isfinite(number) else "these images"


def _without_labels(series: Series) -> list[str]:
    """Say how many answers change, where nobody knows which are right."""
    rows = series.rows[(series.rows["lesion"] != "intact") & series.rows["deletable"].astype(bool)]
    if "agreement" not in rows or not rows["agreement"].notna().any():
        return []
    changed = 1 - rows["agreement"].dropna().astype(float)
    span = percent(changed.min())
    span += f" to {percent(changed.max())}" if len(changed) > 1 else ""
    return [f"Deleting one block changes {span} of the answers of {series.label}."]


def _lesion_contrast(plain: Series, residual: Series) -> list[str]:
    for one in (plain, residual):
        if at_chance := _is_at_chance(one):
            return [f"Intact, {one.label} {at_chance}: its deletions say nothing."]
    p, r = (rows[rows[_RISES].notna().all(axis=1)] for rows in map(_measured, (plain, residual)))
    if p.empty or r.empty:
        return []
    for more, less, costly, cheap in ((p, r, plain, residual), (r, p, residual, plain)):
        if more["error_rise_low"].min() > less["error_rise_high"].max():
            opposite = (
                f"; {_OPPOSITE}" if costly is residual and more["error_rise"].min() > 0 else ""
            )
            return [f"{_every(more['error_rise'], less['error_rise'], costly, cheap)}{opposite}."]
    return [_typical(p, r, plain, residual)]


def _is_at_chance(series: Series) -> str:
    """Say how an intact network stands to chance where it is not above it; "" where it is."""
    intact, chance = series.rows[series.rows["lesion"] == "intact"], chance_of(series)
    if not chance or intact.empty or not intact["accuracy_low"].iloc[0] <= chance:
        return ""
    if intact["accuracy_high"].iloc[0] < chance:
        return "is below chance"
    return f"cannot be told from chance with {_images(intact)}"


def _every(more: pd.Series, less: pd.Series, costly: Series, cheap: Series) -> str:
    """Say that each deletion of the one network is worse than any of the other."""
    if more.min() > 0 and less.max() > 0:
        return (
            f"Every deletion costs {costly.label} more than any costs {cheap.label}: at least "
            f"{points(more.min())} of accuracy against at most {points(less.max())}"
        )
    return (
        f"Every deletion is worse for {costly.label} than any for {cheap.label}: {_change(more)} "
        f"of accuracy against {_change(less)}"
    )


def _change(rises: pd.Series) -> str:
    """Write what deletions do to the accuracy: what they cost, what they gain, or both."""
    low, high = float(rises.min()), float(rises.max())
    if max(high, -low) < _NOTHING:
        return "less than 0.05\u00a0points"
    if low > -_NOTHING:
        return f"a loss of {_span(low, high)}"
    if high < _NOTHING:
        return f"a gain of {_span(-high, -low)}"
    return f"between a gain of {points(-low)} and a loss of {points(high)}"


def _span(low: float, high: float) -> str:
    ends = list(dict.fromkeys((points(low), points(high))))
    return " to ".join(ends)


def _typical(p: pd.DataFrame, r: pd.DataFrame, plain: Series, residual: Series) -> str:
    """Compare medians; the verdict counts pairs of blocks whose intervals lie apart."""
    told = []
    for one, rows in ((plain, p), (residual, r)):
        median = float(rows["error_rise"].median())
        does = "gains" if median < -_NOTHING else "costs"
        said = f"{does} {one.label} {points(abs(median))} of accuracy"
        told.append(f"{said} (all: {_change(rows['error_rise'])})")
    return f"The median deletion {told[0]}, and {told[1]}: {_verdict(p, r, plain, residual)}."


def _verdict(p: pd.DataFrame, r: pd.DataFrame, plain: Series, residual: Series) -> str:
    pairs = p[_RISES].merge(r[_RISES], how="cross")
    above = int((pairs["error_rise_low_x"] > pairs["error_rise_high_y"]).sum())
    below = int((pairs["error_rise_low_y"] > pairs["error_rise_high_x"]).sum())
    counted = f"of {len(pairs)} pairs of a block of each, by their 95\u00a0% intervals"
    if 2 * above > len(pairs):
        return f"a block of {plain.label} is worse to lose in {above} {counted}"
    if 2 * below > len(pairs):
        opposite = f"; {_OPPOSITE}" if r["error_rise"].median() > 0 else ""
        return f"a block of {residual.label} is worse to lose in {below} {counted}{opposite}"
    return (
        f"a block of {plain.label} is worse to lose in {above} and one of {residual.label} in "
        f"{below} {counted}, neither in most"
    )
