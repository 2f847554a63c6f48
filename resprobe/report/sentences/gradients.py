"""What is said of gradients: how their norm changes along the depth, and how they divide."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from resprobe.figures.series import Series, gather
from resprobe.report.compare import Kin, factor, like_with_like, rounded, unlike
from resprobe.results import Result

__all__ = ["gradflow_sentences"]


def gradflow_sentences(results: Sequence[Result], *, kin: Kin) -> list[str]:
    """Say how the gradient's norm changes along the depth, and how it divides in the blocks."""
    columns = ("block", "input", "identity", "residual")
    series = gather(results, name="gradflow", numbers=columns, texts=("kind",))
    sentences = [sentence for one in series for sentence in _along_depth(one)]
    for plain, residual in like_with_like(series, kin, results):
        sentences += _evenness_contrast(plain, residual)
    sentences += unlike(series, kin, results)
    divisions = [_division(one) for one in series if not one.is_plain]
    return sentences + [said for said in divisions if said]


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
        within = (
            f"within a factor of {factor(spread)}" if factor(spread) != "1" else "about the same"
        )
        return [f"In {name} the gradient norm stays {within} over all {len(norms)} blocks."]
    between = f", and lies between {rounded(norms.min())} and {rounded(norms.max())} on the way"
    if factor(max(ratio, 1 / ratio)) == "1":
        ends = f"ends where it began from the last block back to the first, at {rounded(last)}"
        return [f"In {name} the gradient norm {ends}{between}."]
    change = (
        f"grows by a factor of {factor(ratio)}"
        if ratio >= 1
        else f"shrinks by a factor of {factor(1 / ratio)}"
    )
    way = f"from the last block back to the first, {rounded(last)} to {rounded(first)}"
    way += between if spread > 2 * max(ratio, 1 / ratio) else ""
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
    rows = series.rows
    finite = rows[np.isfinite(rows[["identity", "residual"]]).all(axis=1)]
    if finite.empty:
        return ""
    larger = int((finite["identity"] > finite["residual"]).sum())
    where = "" if len(finite) == len(rows) else " where both are finite"
    said = (
        f"In {series.label} the identity part is larger than the residual part in {larger} of "
        f"{len(finite)} blocks{where}"
    )
    shares = finite.get("residual_share", pd.Series(dtype=float)).astype(float)
    shares = shares[np.isfinite(shares)]
    if shares.empty:
        return f"{said}."
    low, median, high = shares.quantile([0, 0.5, 1])
    return f"{said}; the residual share is {median:.2f} at the median ({low:.2f} to {high:.2f})."
