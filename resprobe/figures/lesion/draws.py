"""What several random deletions or swaps do (Veit et al. 2016, Fig. 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from resprobe.figures.keys import Entries, bars_key, key, series_key, transition_key
from resprobe.figures.legend import finish
from resprobe.figures.lesion.measure import limits_and_chance
from resprobe.figures.lesion.parts import recalibrated_key
from resprobe.figures.lesion.reading import Network, networks
from resprobe.figures.marks import draw_bars, draw_series
from resprobe.figures.series import Results
from resprobe.figures.theme import drawn, theme
from resprobe.statistics import Spread, spread_of_each

__all__ = ["plot_random", "plot_shuffle"]

STEP = 0.05
"""Of Kendall's tau: draws whose orders are about as far from the original are averaged."""


def plot_random(results: Results, ax: Axes, *, order: Sequence[str] = ()) -> Axes:
    """Draw the error against the number of random blocks deleted.

    Every draw is a faint mark, an open diamond where a transition is among the blocks; the line
    is the mean over the draws, its bars the mean's interval (Student's t).

    Parameters
    ----------
    results : Result or sequence of Result
        Of the study "random".
    ax : Axes
        Where to draw.
    order : sequence of str
        Networks that keep the colour of their place here.
    """
    found = networks(results, numbers=("k",), order=order)
    with theme():
        ax.set_xlabel("Number of blocks deleted")
        ax.xaxis.set_major_locator(MaxNLocator(nbins=12, integer=True, min_n_ticks=1))
        for place, network in enumerate(found):
            dodge = 0.16 * (place - (len(found) - 1) / 2)
            _draw(ax, network, "k", dodge=dodge, intact_at=0.0)
        _finish(ax, results, found, "deletion")
    return ax


def plot_shuffle(results: Results, ax: Axes, *, order: Sequence[str] = ()) -> Axes:
    """Draw the error against Kendall's tau of the order of the blocks, 1 at the left.

    Every draw is a faint mark, an open diamond where a transition moved; the line joins the
    means over the draws in each 0.05 of tau, its bars are the means' intervals (Student's t).

    Parameters
    ----------
    results : Result or sequence of Result
        Of the study "shuffle".
    ax : Axes
        Where to draw.
    order : sequence of str
        Networks that keep the colour of their place here.
    """
    found = networks(results, numbers=("k", "kendall_tau"), order=order)
    with theme():
        ax.set_xlabel("Kendall's tau of the blocks' order (1 is the original)")
        for network in found:
            _draw(ax, network, "kendall_tau", dodge=0.0, intact_at=1.0)
        taus = np.concatenate([network.rows["kendall_tau"].to_numpy(float) for network in found])
        lowest = float(taus[np.isfinite(taus)].min(initial=1.0))
        room = 0.03 * (1 - lowest) or 0.03
        ax.set_xlim(1 + room, lowest - room)
        _finish(ax, results, found, "swaps")
    return ax


@dataclass(frozen=True)
class _Line:
    """Means over draws, from the intact network on."""

    x: np.ndarray
    spreads: Sequence[Spread]

    def part(self, name: str) -> np.ndarray:
        return np.array([getattr(spread, name) for spread in self.spreads])


def _line(network: Network, rows: pd.DataFrame, column: str) -> _Line:
    rows = rows[rows[column].notna()]
    x = rows[column].to_numpy(dtype=float)
    group = np.ceil(np.round((1 - x) / STEP, 6)) if column == "kendall_tau" else x
    across = spread_of_each(group, x)
    values = spread_of_each(group, network.measure.of(rows))
    return _Line(np.array([one.mean for one in across.values()]), list(values.values()))


def _draw(ax: Axes, network: Network, column: str, *, dodge: float, intact_at: float) -> None:
    rows, look = network.rows, network.series.style
    _draw_every(ax, network, dodge + rows[column].to_numpy(dtype=float))
    for some, intact, raw in (
        (rows, network.intact_value(), True),
        (network.recalibrated, _recalibrated_value(network), False),
    ):
        if some.empty:
            continue
        line = _line(network, some, column)
        x = np.concatenate([[intact_at], line.x]) + dodge
        drawn_line = draw_series(
            ax, network.series, x, np.concatenate([[intact], line.part("mean")]), filled=raw
        )
        drawn_line.set_alpha(1.0 if raw else 0.6)
        low, high = line.part("low"), line.part("high")
        draw_bars(ax, look.colour, x[1:], low, high, width=1.1, alpha=1.0 if raw else 0.35)


def _recalibrated_value(network: Network) -> float:
    row = network.intact_recalibrated
    return float("nan") if row is None else network.measure.of_row(row)


def _draw_every(ax: Axes, network: Network, x: np.ndarray) -> None:
    """Draw a faint mark for every draw."""
    values, transition = network.measure.of(network.rows), network.is_transition(network.rows)
    for chosen, marker, size in ((~transition, ".", 4.5), (transition, "D", 2.4)):
        ax.plot(
            x[chosen],
            values[chosen],
            linestyle="none",
            marker=marker,
            markersize=size,
            markerfacecolor=network.series.style.colour if marker == "." else "none",
            markeredgecolor=network.series.style.colour,
            markeredgewidth=0.0 if marker == "." else 0.5,
            alpha=0.45,
            zorder=2.3,
        )


def _finish(ax: Axes, results: Results, found: Sequence[Network], what: str) -> None:
    """Add limits, the label of the vertical axis and the legend."""
    measure = found[0].measure
    entries: Entries = [series_key(network.series) for network in found]
    entries.append(bars_key("mean, 95 % interval"))
    entries.append((key(marker=".", alpha=0.5), "one draw"))
    if any(network.is_transition(network.rows).any() for network in found):
        entries.append(transition_key("with transition", size=3.5))
    if any(len(network.recalibrated) for network in found):
        entries.append(recalibrated_key())
    values = [measure.of(rows) for n in found for rows in (n.rows, n.recalibrated)]
    entries += limits_and_chance(ax, values, measure, [network.classes for network in found])
    ax.grid(visible=False, axis="x")
    ax.set_ylabel(drawn(f"{measure.title(results)} after the {what} (%)"))
    finish(ax, entries)
