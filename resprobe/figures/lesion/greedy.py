"""What dropping one block after another costs, the least needed ones first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from resprobe.figures.lesion.measure import limits_and_chance
from resprobe.figures.lesion.parts import (
    DASHED,
    DOTTED,
    draw_diamonds,
    draw_intact,
    draw_intervals,
    recalibrated_key,
    transition_key,
)
from resprobe.figures.lesion.reading import Network, interval_name, networks
from resprobe.figures.marks import Entries, draw_series, finish, inches_of, key, series_key
from resprobe.figures.series import Results
from resprobe.figures.theme import PAPER, drawn, theme

__all__ = ["plot_greedy"]

_POINTS = 5.0


def plot_greedy(results: Results, ax: Axes, *, order: Sequence[str] = ()) -> Axes:
    """Draw the error against the number of blocks dropped, each point with the block's number.

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
        ax.set_ylim(0, min(112.0, 1.08 * ax.get_ylim()[1]))  # room for the numbers
        shown = max(_annotate(ax, network, most) for network in found)
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
    draw_diamonds(ax, network, x[transition], values[transition], count=len(x))
    for some in (_chosen(network), network.recalibrated.sort_values("k", kind="stable")):
        if some.empty:
            continue
        is_selection = bool(some["selection"].astype(bool).any())
        ax.plot(
            some["k"],
            measure.of(some),
            color=network.series.style.colour,
            linestyle=DOTTED if is_selection else DASHED,
            linewidth=0.8,
            marker=network.series.style.marker,
            markersize=2.6,
            markerfacecolor=PAPER,
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


def _annotate(ax: Axes, network: Network, most: float) -> int:
    """Write the number of the block that was dropped last; return every which has room."""
    rows, measure = network.rows, network.measure
    every = max(1, int(np.ceil((most + 1) * 1.3 * _POINTS / 72 / inches_of(ax))))
    tops = np.fmax(measure.high(rows), measure.of(rows))
    for x, top, blocks in list(zip(rows["k"], tops, rows["blocks"], strict=True))[::every]:
        if np.isfinite(top):
            ax.annotate(
                str(blocks).rpartition("+")[2],
                (x, top),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                va="bottom",
                rotation=90,
                fontsize=_POINTS,
                color=network.series.style.colour,
            )
    return every


def _key_of_marks(found: Sequence[Network], interval: str) -> Entries:
    entries: Entries = [(key(marker="|", markersize=8, markeredgewidth=1.1), interval)]
    if any(_dropped_transition(network.rows).any() for network in found):
        entries.append(transition_key())
    if any(len(_chosen(network)) for network in found):
        look = {"marker": "o", "markerfacecolor": PAPER, "markersize": 2.6, "alpha": 0.6}
        entries.append((key(linestyle=DOTTED, **look), "on the images chosen by"))
    if any(len(network.recalibrated) for network in found):
        entries.append(recalibrated_key(linestyle=DASHED))
    return entries
