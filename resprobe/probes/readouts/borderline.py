"""What the last blocks do for images that the network is hardly sure of."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from resprobe.statistics import wilson

__all__ = ["Borderline", "gap_of"]

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
_JUDGED = ("before", "after")


def gap_of(probabilities: Array) -> Array:
    """Return how far the most probable class is ahead of the next one: (N, ..., C) to (N, ...).

    Examples
    --------
    >>> gap_of(np.array([[0.25, 0.75, 0.0]])).tolist()
    [0.5]
    """
    two = np.partition(probabilities, -2, axis=-1)[..., -2:]
    return np.asarray(two[..., 1] - two[..., 0])


class Borderline:
    """Accuracy after each read-out of the images with a small gap, and of all others.

    Parameters
    ----------
    exits : int
        Read-outs, one after each block of the last stage.
    before : int
        The read-out before the blocks in question; "after" is the last one.
    gap : float
        Below it an image is borderline.
    """

    def __init__(self, exits: int, *, before: int, gap: float) -> None:
        self._judges = dict(zip(_JUDGED, (before, exits - 1), strict=True))
        self._gap = gap
        self._n = {(judged, group): 0 for judged in _JUDGED for group in (True, False)}
        self._correct = {key: np.zeros(exits, dtype=np.int64) for key in self._n}

    def add(self, gaps: Array, correct: Flags) -> None:
        """Take the gap and whether the prediction is right, both (N, exits)."""
        for judged, judge in self._judges.items():
            near = gaps[:, judge] < self._gap
            for group in (True, False):
                chosen = near == group
                self._n[judged, group] += int(chosen.sum())
                self._correct[judged, group] += correct[chosen].sum(0)

    def rows(self, first: int, names: list[str]) -> list[dict[str, Any]]:
        """Return one row for each way of judging, group and read-out; the first block's number."""
        return [
            {
                "judged": judged,
                "group": "borderline" if group else "confident",
                "block": first + exit_,
                "name": name,
                "n": n,
                **accuracy_columns(int(self._correct[judged, group][exit_]), n),
            }
            for (judged, group), n in self._n.items()
            for exit_, name in enumerate(names)
        ]


def accuracy_columns(correct: int, n: int) -> dict[str, float]:
    """Return an accuracy with its Wilson interval, NaN of no image."""
    low, high = wilson(correct, n) if n else (math.nan, math.nan)
    return {
        "correct": correct,
        "accuracy": correct / n if n else math.nan,
        "accuracy_low": low,
        "accuracy_high": high,
    }
