"""What is said of read-outs: how the answer forms, after how many blocks, and for whom."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from resprobe.figures.series import Series, gather
from resprobe.report.compare import Kin, like_with_like, percent, unlike
from resprobe.results import Result

__all__ = ["borderline_sentences", "decision_sentences", "readout_sentences"]


def readout_sentences(results: Sequence[Result], *, kin: Kin) -> list[str]:  # noqa: ARG001
    """Say how the accuracy grows from block to block, and where branches go down the loss."""
    columns = ("block", "head_accuracy", "probe_accuracy", "cosine")
    series = gather(results, name="readout", numbers=columns)
    return [
        sentence
        for one in series
        for sentence in (_growth(one, "probe"), _growth(one, "head"), _directions(one))
        if sentence
    ]


def _growth(series: Series, of: str) -> str:
    rows = series.rows.sort_values("block")
    known = rows[rows[f"{of}_accuracy"].notna()][f"{of}_accuracy"].astype(float)
    if known.empty:
        return ""
    what = (
        f"A linear probe of {series.label} is right on"
        if of == "probe"
        else f"Its own head, put behind earlier blocks of {series.label}, is right on"
    )
    first, last = float(known.iloc[0]), float(known.iloc[-1])
    if len(known) == 1:
        return f"{what} {percent(first)} after the one block where it can be read."
    rising, steps = int((known.diff().iloc[1:] > 0).sum()), len(known) - 1
    change = f"{what} {percent(first)} after block {_block(rows, known, 0)} and on "
    change += f"{percent(last)} after block {_block(rows, known, -1)}"
    return f"{change}; it rises at {rising} of {steps} step{'s' if steps != 1 else ''}."


def _block(rows: pd.DataFrame, known: pd.Series, place: int) -> int:
    return int(rows.loc[known.index[place], "block"])


def _directions(series: Series) -> str:
    rows = series.rows[np.isfinite(series.numbers("cosine"))]
    known = rows["cosine"]
    if rows.empty:
        return ""
    down = int((known < 0).sum())
    said = f"In {down} of {len(known)} blocks of {series.label} the branch points down the loss"
    mean = f"mean cosine with its gradient {known.mean():+.3f}".replace("-", "−")
    if "cosine_se" not in rows:
        return f"{said} ({mean})."
    below = int((known + 1.96 * pd.to_numeric(rows["cosine_se"], errors="coerce") < 0).sum())
    if below < len(known):
        return f"{said} ({mean}); the 95\u00a0% interval lies below 0 in {below}."
    found = "as iterative inference has it (Jastrzebski et al. 2018)"
    return f"{said} ({mean}), with every 95\u00a0% interval below 0, {found}."


def decision_sentences(results: Sequence[Result], *, kin: Kin) -> list[str]:
    """Say after how many blocks predictions are made, and which networks take more of theirs."""
    columns = ("block", "depth", "depth_fraction", "depth_fraction_low", "depth_fraction_high")
    found = gather(results, name="readout-decisions", numbers=columns, texts=("method",))
    said = [sentence for one in found if (sentence := _depth(one))]
    for plain, residual in like_with_like(found, kin, results):
        said += _earlier(plain, residual)
    return said + unlike(found, kin, results)


def _settled(series: Series) -> pd.Series | None:
    """Return a row of the probe that settles, else of the head."""
    for method in ("probe", "head"):
        rows = series.rows[series.rows["method"] == method]
        if len(rows) and np.isfinite(rows["depth"].iloc[0]):
            return rows.iloc[0]
    return None


def _depth(series: Series) -> str:
    row = _settled(series)
    if row is None:
        return ""
    blocks = int((series.rows["method"] == row["method"]).sum()) - 1
    by = "a linear probe" if row["method"] == "probe" else "its own head"
    return (
        f"Read by {by}, a prediction of {series.label} is made for good after {row['depth']:.1f} "
        f"of {blocks} block{'s' if blocks != 1 else ''} in the mean."
    )


def _earlier(plain: Series, residual: Series) -> list[str]:
    rows = {one.label: _settled(one) for one in (plain, residual)}
    known = {label: row for label, row in rows.items() if row is not None}
    if len(known) < 2 or len({row["method"] for row in known.values()}) > 1:
        return []
    (first, a), (second, b) = known.items()
    ends = [row[f"depth_fraction_{end}"] for row in (a, b) for end in ("low", "high")]
    if not np.isfinite(ends).all():
        return []
    if a["depth_fraction_high"] < b["depth_fraction_low"]:
        return [f"{first} decides in a smaller share of its blocks than {second}."]
    if b["depth_fraction_high"] < a["depth_fraction_low"]:
        return [f"{second} decides in a smaller share of its blocks than {first}."]
    unknown = "which of them decides in a smaller share of its blocks cannot be told"
    return [f"The 95\u00a0% intervals of {first} and {second} overlap: {unknown}."]


def borderline_sentences(results: Sequence[Result], *, kin: Kin) -> list[str]:  # noqa: ARG001
    """Say what the last blocks do for images whose two most probable classes are close."""
    columns = ("block", "n", "accuracy", "accuracy_low", "accuracy_high")
    texts = ("group", "judged")
    found = gather(results, name="readout-borderline", numbers=columns, texts=texts)
    last = [result.meta.get("settings") for result in results]
    reach = next((s["last"] for s in last if isinstance(s, dict) and "last" in s), 5)
    return [sentence for one in found if (sentence := _unsure(one, int(reach)))]


def _unsure(series: Series, reach: int) -> str:
    rows = series.rows
    rows = rows[(rows["group"] == "borderline") & (rows["judged"] == "before")].sort_values("block")
    if rows.empty:
        return f"No images of {series.label} were told apart by how sure the answer is."
    first, end = rows.iloc[max(0, len(rows) - 1 - reach)], rows.iloc[-1]
    if not first["n"] > 0:
        return f"No image is borderline after block {first['block']:.0f} of {series.label}."
    numbers = ["accuracy", "accuracy_low", "accuracy_high"]
    finite = np.isfinite([[row[name] for name in numbers] for row in (first, end)]).all()
    if first["block"] == end["block"] or not finite:
        return ""
    said = (
        f"Of {first['n']:,.0f} images that are borderline after block {first['block']:.0f} of "
        f"{series.label}, {percent(first['accuracy'])} are right there and "
        f"{percent(end['accuracy'])} at the end"
    )
    if end["accuracy_low"] > first["accuracy_high"]:
        return f"{said}: the last blocks decide them."
    if end["accuracy_high"] < first["accuracy_low"]:
        return f"{said}: the last blocks make them worse."
    return f"{said}; the 95\u00a0% intervals overlap."
