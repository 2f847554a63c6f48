"""What is said of sizes: branches beside their shortcuts, and the responses of layers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from resprobe.figures.series import Series, gather
from resprobe.report.compare import Kin, data_by_label, like_with_like, rounded, unlike
from resprobe.results import Result

__all__ = ["magnitude_sentences", "response_sentences"]

_ALIKE = 1.1
"""Two medians within this factor are called alike."""


def magnitude_sentences(results: Sequence[Result], *, kin: Kin) -> list[str]:  # noqa: ARG001
    """Say how large the branches are beside their shortcuts, and where along the depth."""
    columns = ("block", "ratio", "response_std")
    series = gather(results, name="magnitude", numbers=columns, texts=("kind",))
    return [sentence for one in series for sentence in _of_one(one)]


def _of_one(series: Series) -> list[str]:
    ratios = series.rows.set_index("block")["ratio"].sort_index()
    known = ratios[np.isfinite(ratios)]
    if known.empty:
        return _without_shortcuts(series)
    low, median, high = known.quantile([0, 0.5, 1])
    span = rounded(low) if len(known) == 1 else f"{rounded(low)} to {rounded(high)}"
    middle = f" (median {rounded(median)})" if len(known) > 1 else ""
    where = f", most in block {int(known.idxmax())}" if high > low else ""
    said = f"In {series.label} the branch is {span} times as large as its shortcut{middle}{where}."
    lost = len(ratios) - len(known)
    more = [f"In {lost} of its {len(ratios)} blocks the ratio is not finite."] if lost else []
    return [said, *more, *_along_depth(series.label, known)]


def _without_shortcuts(series: Series) -> list[str]:
    responses = series.rows["response_std"].astype(float)
    known = responses[np.isfinite(responses)]
    if known.empty:
        return [f"Nothing is known of the size of {series.label}'s blocks."]
    span = f"{rounded(known.min())} to {rounded(known.max())}"
    return [
        f"{series.label} has no shortcuts to compare its {len(responses)} "
        f"block{'s' if len(responses) != 1 else ''} with; the standard deviation of their "
        f"responses is {span if len(known) > 1 else rounded(known.iloc[0])}."
    ]


def _along_depth(label: str, ratios: pd.Series) -> list[str]:
    """Compare the first and the last half of the blocks."""
    if len(ratios) < 4:
        return []
    half = len(ratios) // 2
    early, late = float(ratios.iloc[:half].median()), float(ratios.iloc[-half:].median())
    if max(early, late) < _ALIKE * min(early, late):
        return [f"The branches of {label} are about as large in the first half as in the last."]
    first = "larger" if early > late else "smaller"
    return [
        f"The branches of {label} are {first} in the first half of the blocks than in the last: "
        f"{rounded(early)} against {rounded(late)} at the median."
    ]


def response_sentences(results: Sequence[Result], *, kin: Kin) -> list[str]:
    """Say how large the responses of the layers are, and in which networks they are smaller."""
    columns = ("layer", "response_std", "rank")
    series = gather(results, name="magnitude-responses", numbers=columns)
    medians = {one.label: _median(one) for one in series}
    said = [
        f"Half of {label}'s layers respond with a standard deviation below {rounded(median)}."
        for label, median in medians.items()
        if np.isfinite(median)
    ]
    for plain, residual in like_with_like(series, kin, results):
        said += _contrast(medians, residual.label, plain.label, "those of the plain network")
    said += unlike(series, kin, results)
    data = data_by_label(series, results)
    deeper = [one for one in series if one.network in kin and not kin[one.network][0]]
    for one in deeper:
        for other in deeper:
            alike = data[one.label] == data[other.label]
            if alike and kin[one.network][1] > kin[other.network][1]:
                said += _contrast(medians, one.label, other.label, "those of the shallower network")
    return said


def _median(series: Series) -> float:
    ranked = series.rows[np.isfinite(series.rows["rank"])]["response_std"].astype(float)
    return float(ranked[np.isfinite(ranked)].median())


def _contrast(medians: dict[str, float], one: str, other: str, those: str) -> list[str]:
    """Compare a network with one whose responses are larger, by He et al. (2015, Fig. 7)."""
    a, b = medians[one], medians[other]
    if not (np.isfinite(a) and np.isfinite(b)):
        return []
    pair = f"At the median the responses of {one} are"
    if max(a, b) < _ALIKE * min(a, b):
        return [f"{pair} about as large as those of {other}."]
    if a < b:
        return [f"{pair} smaller than those of {other}, as He et al. (2015) found of {those}."]
    return [
        f"{pair} larger than those of {other}, the opposite of what He et al. (2015) found of "
        f"{those}."
    ]
