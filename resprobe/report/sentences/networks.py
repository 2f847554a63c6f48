"""What is said of the networks themselves, and of what their blocks are worth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from resprobe.figures.meta import networks_of
from resprobe.figures.theme import short_text
from resprobe.report.compare import LONGEST, Kin, points
from resprobe.results import Result

__all__ = ["network_sentences", "worth_sentence"]

OPENING = (
    "A plain network passes its images from layer to layer; a residual network adds to each "
    "block a shortcut that carries the block's input past it."
)


_NOTHING = 0.0005
"""A rise below this is 0.0 points as it is printed."""


def network_sentences(results: Sequence[Result], *, kin: Kin) -> list[str]:
    """Say of each network whether it is plain, how deep and how large it is."""
    known: dict[str, dict[str, object]] = {}
    for result in results:
        for entry in networks_of(result.meta):
            known.setdefault(str(entry["network"]), {}).update(
                {k: v for k, v in entry.items() if isinstance(v, int)}
            )
    return [_one(name, *kin[name], known.get(name, {})) for name in kin]


def _one(name: str, is_plain: bool, blocks: int, facts: Mapping[str, object]) -> str:
    count = facts.get("parameters")
    weights = f" and {count:,} parameters" if isinstance(count, int) else ""
    kind = "plain" if is_plain else "residual"
    name = short_text(name, limit=LONGEST)
    return f"{name} is a {kind} network of {blocks} block{'s' if blocks != 1 else ''}{weights}."


def worth_sentence(costs: pd.Series) -> str:
    r"""Say which block's deletion costs most, and which share of the blocks costs hardly anything.

    Parameters
    ----------
    costs : Series
        The rise of the error after the deletion of each block, under the block's name.

    Examples
    --------
    >>> worth_sentence(pd.Series([0.2, 0.001], index=["a", "b"])).replace("\u00a0", " ")
    'Its error rises most, by 20.0 points, without a; without 1 of 2 blocks by less than 1 point.'
    """
    known = costs[costs.map(math.isfinite)]
    if known.empty:
        return ""
    if known.max() < _NOTHING:
        if known.min() > -_NOTHING:
            return "No deletion moves its error by 0.05\u00a0points."
        falls = f"without {known.idxmin()} it falls most, by {points(-known.min())}"
        return f"No deletion raises its error by 0.05\u00a0points; {falls}."
    said = f"Its error rises most, by {points(known.max())}, without {known.idxmax()}"
    few = int((known < 0.01).sum())
    if len(known) == 1:
        return f"{said}."
    rest = f"without {few} of {len(known)} blocks by less than 1\u00a0point"
    rest += " or not at all" if known.min() <= -_NOTHING else ""
    return f"{said}; {rest}." if few else f"{said}; without each of them by 1\u00a0point or more."
