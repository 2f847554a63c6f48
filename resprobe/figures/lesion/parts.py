"""What several lesion figures draw alike: intact networks, intervals, transitions, blocks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from resprobe.errors import InputError
from resprobe.figures.keys import Entries, key, open_key
from resprobe.figures.lesion.reading import Network
from resprobe.figures.marks import draw_bars
from resprobe.figures.theme import stroke

__all__ = [
    "DASHED",
    "DOTTED",
    "Dashes",
    "block_numbers",
    "draw_intact",
    "draw_intervals",
    "recalibrated_key",
]

Dashes = tuple[float, tuple[float, float]]

DASHED: Dashes = (0, (3, 2))
DOTTED: Dashes = (0, (1, 1.5))


def block_numbers(rows: pd.DataFrame, *, label: str) -> np.ndarray:
    """Return the block that each lesion touches.

    Raises
    ------
    InputError
        If one touches none or several.
    """
    try:
        return rows["blocks"].astype(int).to_numpy(dtype=float)
    except (ValueError, TypeError) as error:
        raise InputError(f"{label}: a single deletion names one block ({error})") from error


def draw_intervals(
    ax: Axes, network: Network, x: np.ndarray, rows: pd.DataFrame, *, alpha: float = 1.0
) -> None:
    """Draw the interval of each row as a bar."""
    low, high = network.measure.low(rows), network.measure.high(rows)
    draw_bars(ax, network.series.style.colour, x, low, high, width=1.1, alpha=alpha)


def recalibrated_key(*, linestyle: Dashes = DOTTED) -> tuple[Line2D, str]:
    """Return the legend's entry of the light open marks."""
    line = open_key(linestyle=linestyle, alpha=0.6)
    return line, "BatchNorm recalibrated"


def draw_intact(ax: Axes, networks: Sequence[Network]) -> Entries:
    """Draw each intact network as a dashed line with its own marker at the right end."""
    shown = [network for network in networks if np.isfinite(network.intact_value())]
    shown = [network for network in shown if network.measure.labelled]
    for network in shown:
        value, look = network.intact_value(), network.series.style
        ax.axhline(value, color=look.colour, linestyle=DASHED, linewidth=stroke(0.8), zorder=2)
        ax.plot(
            [1.015],
            [value],
            transform=ax.get_yaxis_transform(),
            marker=look.marker,
            markersize=3.5,
            color=look.colour,
            clip_on=False,
        )
    return [(key(linestyle=DASHED, linewidth=stroke(0.8)), "intact")] if shown else []
