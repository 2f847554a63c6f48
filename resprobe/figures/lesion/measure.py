"""What the vertical axis of a lesion figure shows: errors, or without labels disagreement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from resprobe.figures.keys import Entries, key
from resprobe.figures.meta import data_of
from resprobe.figures.series import Results, listed
from resprobe.figures.theme import muted, short_text

__all__ = ["NUMBERS", "Measure", "limits_and_chance"]

NUMBERS = ("error", "accuracy_low", "accuracy_high")


@dataclass(frozen=True)
class Measure:
    """Percent of the images that are answered wrongly, or otherwise than by the intact network.

    Parameters
    ----------
    labelled : bool
        Whether the images have labels, so that there are errors.
    """

    labelled: bool

    @property
    def right(self) -> str:
        """The column of the share of images that are answered as wanted."""
        return "accuracy" if self.labelled else "agreement"

    def of(self, rows: pd.DataFrame) -> np.ndarray:
        """Return percent, one for each row."""
        if self.labelled:
            return 100 * rows["error"].to_numpy(dtype=float)
        return 100 - 100 * rows["agreement"].to_numpy(dtype=float)

    def of_row(self, row: pd.Series[Any]) -> float:
        """Return percent for one row."""
        return float(self.of(row.to_frame().T)[0])

    def low(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the lower ends of the intervals in percent."""
        return 100 - 100 * rows[f"{self.right}_high"].to_numpy(dtype=float)

    def high(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the upper ends of the intervals in percent."""
        return 100 - 100 * rows[f"{self.right}_low"].to_numpy(dtype=float)

    def title(self, results: Results) -> str:
        """Return what is measured, such as "Test error"; the unit is left to the axis."""
        if not self.labelled:
            return "Changed answers"
        splits = {str(data_of(result.meta).get("split", "")) for result in listed(results)}
        split = splits.pop() if len(splits) == 1 else ""
        return f"{short_text(split, limit=20).capitalize()} error" if split else "Error"


def limits_and_chance(
    ax: Axes, values: Sequence[np.ndarray], measure: Measure, classes: Sequence[int]
) -> Entries:
    """Zoom in where all errors are far below chance, and say then where chance would be.

    Parameters
    ----------
    ax : Axes
        Whose vertical axis is in percent.
    values : sequence of arrays
        Everything that has to have room.
    measure : Measure
        Chance is known for errors only.
    classes : sequence of int
        Numbers of classes of the networks; 0 where one is not known.
    """
    finite = np.concatenate([some[np.isfinite(some)] for some in values])
    top = float(finite.max()) if len(finite) else 100.0
    known = {count for count in classes if count} if measure.labelled else set()
    entries: Entries = []
    for chance in sorted(100 - 100 / count for count in known):
        if top < 0.55 * chance:
            entries.append((key(), f"chance, {chance:.3g} %, is above the axis"))
            continue
        top = max(top, chance)
        ax.axhline(chance, color=muted(), linestyle=":", linewidth=1.0, zorder=2)
        entries.append((key(color=muted(), linestyle=":"), f"chance, {chance:.3g} %"))
    ax.set_ylim(0, max(1.0, min(100.0, 1.08 * top)))
    return entries
