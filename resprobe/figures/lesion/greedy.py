"""What dropping one block after another costs, the least needed ones first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from resprobe.figures.keys import Entries, bars_key, key, open_key, series_key, transition_key
from resprobe.figures.legend import finish
from resprobe.figures.lesion.measure import limits_and_chance
from resprobe.figures.lesion.parts import (
    DASHED,
    DOTTED,
    draw_intact,
    draw_intervals,
    recalibrated_key,
)
from resprobe.figures.lesion.reading import Network, interval_name, networks
from resprobe.figures.marks import draw_series, draw_transitions, inches_of
from resprobe.figures.series import Results
from resprobe.figures.theme import drawn, paper, points, stroke, theme

__all__ = ["plot_greedy"]

_POINTS = 5.0


def plot_greedy(results: Results, ax: Axes, *, order: Sequence[str] = ()) -> Axes:
    """Draw the error against the number of blocks dropped, the blocks' numbers at the top.

    Bars are the intervals on the images to report; light open marks show the same networks on
    the images that they were chosen by. Diamonds are transitions.

    Parameters
    ----------
    results : Result or sequence of Result
        Of the study "greedy".
    ax : Axes
        Where to draw.
    order : sequence of str
        Networks that keep the colour of their place here.
    """
    found = [
        network.with_rows(network.rows.sort_values("k", kind="stable"))
        for network in networks(results, numbers=("k",), order=order)
    ]
    with theme():
        ax.set_xlabel("Number of blocks dropped")
        ax.xaxis.set_major_locator(MaxNLocator(nbins=12, integer=True, min_n_ticks=1))
        most = max(float(network.rows["k"].max()) for network in found)
        ax.set_xlim(-0.6, most + 0.6)
        for network in found:
            _draw(ax, network)
        entries: Entries = [series_key(network.series) for network in found]
        entries += draw_intact(ax, found)
        entries += _key_of_marks(found, interval_name(results))
        measure = found[0].measure
        values = [p for n in found for p in (measure.of(n.rows), measure.high(n.rows))]
        values += [measure.of(_chosen(network)) for network in found]
        entries += limits_and_chance(ax, values, measure, [network.classes for network in found])
        shown = _name_dropped(ax, found, most)
        dropped = "block dropped" if shown == 1 else f"block dropped (1 in {shown} named)"
        entries.append((key(marker="$7$", markersize=4.5, markeredgewidth=0.5), dropped))
        ax.grid(visible=False, axis="x")
        ax.set_ylabel(drawn(f"{measure.title(results)} (%)"))
        finish(ax, entries)
    return ax


def _draw(ax: Axes, network: Network) -> None:
    rows, measure = network.rows, network.measure
    x, values = rows["k"].to_numpy(dtype=float), measure.of(rows)
    draw_series(ax, network.series, x, values)
    draw_intervals(ax, network, x, rows)
    transition = _dropped_transition(rows)
    draw_transitions(ax, network.series, x, values, at=transition)
    for some in (_chosen(network), network.recalibrated.sort_values("k", kind="stable")):
        if some.empty:
            continue
        is_selection = bool(some["selection"].astype(bool).any())
        ax.plot(
            some["k"],
            measure.of(some),
            color=network.series.style.colour,
            linestyle=DOTTED if is_selection else DASHED,
            linewidth=stroke(0.8),
            marker=network.series.style.marker,
            markersize=2.6,
            markerfacecolor=paper(),
            markeredgewidth=0.7,
            alpha=0.6,
            zorder=2.6,
        )


def _chosen(network: Network) -> pd.DataFrame:
    """Return the candidates that were dropped, as measured on the images to choose by."""
    chosen = network.selection["lesion"].isin(network.rows["lesion"])
    return network.selection[chosen].sort_values("k", kind="stable")


def _dropped_transition(rows: pd.DataFrame) -> np.ndarray:
    """Tell which block, dropped as the k-th, is a transition."""
    among = rows["transitions"].to_numpy(dtype=int)
    return np.asarray(np.diff(among, prepend=0) > 0)


def _name_dropped(ax: Axes, found: Sequence[Network], most: float) -> int:
    """Write the number of the block that was dropped last in a row of each network at the top.

    Returns of how many drops one is named, for as many as have room.
    """
    every = max(1, int(np.ceil((most + 1) * 1.3 * points(_POINTS) / 72 / inches_of(ax))))
    row = 1.9 * points(_POINTS) / 72 / 2.0  # of axes about two inches high
    ax.set_ylim(0, ax.get_ylim()[1] / (1 - row * len(found)))
    ax.set_yticks([tick for tick in ax.get_yticks() if 0 <= tick <= 100])
    for place, network in enumerate(found):
        y, colour = 1 - row * (place + 0.5), network.series.style.colour
        look: dict[str, Any] = {"transform": ax.get_xaxis_transform(), "color": colour}
        ax.plot([0], [y], marker=network.series.style.marker, markersize=3.5, **look)
        rows = network.rows.iloc[::every]
        for x, blocks in zip(rows["k"], rows["blocks"], strict=True):
            last = str(blocks).rpartition("+")[2]
            ax.text(
                x, y, drawn(last), ha="center", va="center", rotation=90,
                fontsize=points(_POINTS), **look,
            )  # fmt: skip
    return every


def _key_of_marks(found: Sequence[Network], interval: str) -> Entries:
    entries: Entries = [bars_key(interval)]
    if any(_dropped_transition(network.rows).any() for network in found):
        entries.append(transition_key())
    if any(len(_chosen(network)) for network in found):
        entries.append((open_key(markersize=2.6, alpha=0.6), "on the images chosen by"))
    if any(len(network.recalibrated) for network in found):
        entries.append(recalibrated_key(linestyle=DASHED))
    return entries
