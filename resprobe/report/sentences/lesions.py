"""What is said of deletions: what they leave, and which networks they cost more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from resprobe.figures.lesion.reading import reported
from resprobe.figures.series import Series, gather
from resprobe.report.compare import Kin, chance_of, like_with_like, percent, points
from resprobe.results import Result

__all__ = ["lesion_sentences"]

_OPPOSITE = "the opposite of what Veit et al. (2016) found"


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
        lost = int((rows["accuracy_low"] <= chance).sum())
        count = {0: "none leaves", 1: "1 leaves"}.get(lost, f"{lost} leave")
        sentences.append(f"Of these {len(rows)} deletions, {count} it no better than chance.")
    fixed = int((~every["deletable"].astype(bool)).sum())
    if fixed:
        reason = "cannot be deleted, as a shape changes there"
        sentences.append(f"Of its {len(every)} blocks, {fixed} {reason}.")
    return sentences


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
