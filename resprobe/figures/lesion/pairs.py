"""What two deletions do together beyond what they do alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.patches import Patch

from resprobe.figures.keys import Entries, key, transition_key
from resprobe.figures.legend import finish
from resprobe.figures.lesion.heat import (
    colour_bar,
    draw_heat,
    draw_signs,
    largest_of,
    name_of,
    panels_of,
    tick_texts,
)
from resprobe.figures.lesion.reading import Network, networks
from resprobe.figures.series import Results
from resprobe.figures.theme import faint, ink, theme

__all__ = ["plot_pairs"]

_COLUMNS = ("interaction", "interaction_low", "interaction_high")


def plot_pairs(
    results: Results, ax: Axes, *, panel: int | None = None, order: Sequence[str] = ()
) -> Axes:
    """Draw the interaction of every pair of deletions, in percentage points, as a heat map.

    Red is more damage than the two deletions do alone, blue is less. The diagonal, framed,
    is what each block costs alone, on the same scale. A sign marks an interaction whose interval
    excludes 0, a diamond at the edge a transition; what cannot be deleted is grey.

    Parameters
    ----------
    results : Result or sequence of Result
        Of the study "pairs".
    ax : Axes
        Where to draw.
    panel : int, optional
        Which network and statistics of BatchNorm, where there are several; all have one scale.
    order : sequence of str
        Networks that keep the colour of their place here.
    """
    every = networks(results, numbers=("k", *_COLUMNS), order=order)
    panels = panels_of(every)
    network, rows = panels.pick(panel)
    limit = largest_of([some for _, some in panels.every], "interaction")
    with theme():
        values, sure = _matrix(network, rows)
        draw_heat(ax, values, limit=limit, aspect="equal")
        draw_signs(ax, values, limit=limit, where=sure)
        _frame_diagonal(ax, len(sure))
        numbers = [str(block) for block in range(len(values))]
        transitions = _transitions(rows, len(values))
        tick_texts(ax, "x", numbers, transitions)
        tick_texts(ax, "y", numbers, transitions)
        scale = Normalize(-limit, limit)
        beyond = bool((np.abs(values[np.isfinite(values)]) > limit).any())
        colour_bar(ax, scale, colormaps["RdBu_r"], "percentage points", beyond=beyond)
        ax.set_xlabel("Deleted block")
        ax.set_ylabel("Deleted block")
        finish(ax, _entries(values, sure, transitions), title=name_of(network, rows))
    return ax


def _matrix(network: Network, rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return interactions with single rises on the diagonal, and which exclude 0."""
    alone = rows[rows["k"] == 1]
    size = 1 + int(alone["blocks"].astype(int).max())
    values, sure = np.full((size, size), np.nan), np.zeros((size, size), dtype=bool)
    intact = network.intact_value()
    for block, value in zip(alone["blocks"].astype(int), network.measure.of(alone), strict=True):
        values[block, block] = value - intact
    for row in rows[rows["k"] == 2].to_dict("records"):
        i, j = map(int, row["blocks"].split("+"))
        values[i, j] = values[j, i] = 100 * row["interaction"]
        sure[i, j] = sure[j, i] = row["interaction_low"] > 0 or row["interaction_high"] < 0
    return values, sure


def _frame_diagonal(ax: Axes, size: int) -> None:
    corners = np.repeat(np.arange(size + 1) - 0.5, 2)
    for x, y in ((corners[1:-1], corners[:-2]), (corners[:-2], corners[1:-1])):
        ax.plot(x, y, color=ink(), linewidth=0.5 if size <= 30 else 0.25, zorder=3)
    ax.set_xlim(-0.5, size - 0.5)
    ax.set_ylim(size - 0.5, -0.5)


def _transitions(rows: pd.DataFrame, size: int) -> list[bool]:
    alone = rows[(rows["k"] == 1) & (rows["kind"] == "transition")]
    found = set(alone["blocks"].astype(int))
    return [block in found for block in range(size)]


def _entries(values: np.ndarray, sure: np.ndarray, transitions: Sequence[bool]) -> Entries:
    entries: Entries = [(Patch(facecolor="none", edgecolor=ink(), linewidth=0.6), "alone")]
    if sure.any():
        entries.append((key(marker="+", markersize=4), "sign, where the interval excludes 0"))
    if any(transitions):
        entries.append(transition_key(size=3.5))
    if np.isnan(values).any():
        entries.append((Patch(facecolor=faint(), linewidth=0), "cannot be deleted"))
    return entries
