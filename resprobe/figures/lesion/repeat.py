"""What the error becomes when one block is applied several times in a row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from resprobe.figures.depth import depth_axis
from resprobe.figures.keys import Entries, bars_key, key, lost_key, series_key
from resprobe.figures.legend import finish
from resprobe.figures.lesion.measure import limits_and_chance
from resprobe.figures.lesion.parts import (
    block_numbers,
    draw_intact,
    draw_intervals,
    recalibrated_key,
)
from resprobe.figures.lesion.reading import Network, interval_name, networks
from resprobe.figures.marks import mark_bottom, marker_size
from resprobe.figures.series import Results, on_one_axis
from resprobe.figures.theme import drawn, paper, stroke, theme

__all__ = ["plot_repeat"]

_FILLS = ("full", "none", "left", "top", "right", "bottom")


def plot_repeat(results: Results, ax: Axes, *, order: Sequence[str] = ()) -> Axes:
    """Draw the error against the block that is repeated; how often is told by the marks' fill.

    Bars are intervals. Blocks that change the shape cannot be repeated: crosses at the lower
    edge.

    Parameters
    ----------
    results : Result or sequence of Result
        Of the study "repeat".
    ax : Axes
        Where to draw.
    order : sequence of str
        Networks that keep the colour of their place here.
    """
    found = [_by_block(network) for network in networks(results, numbers=("times",), order=order)]
    times = sorted({int(number) for network in found for number in network.rows["times"]})
    blocks = [block_numbers(network.rows, label=network.label) for network in found]
    positions, relative = on_one_axis(blocks)
    with theme():
        repeated = [network.rows["blocks"].duplicated().to_numpy() for network in found]
        shading = depth_axis(
            ax,
            [n.with_rows(n.rows[~again]).series for n, again in zip(found, repeated, strict=True)],
            [x[~again] for x, again in zip(positions, repeated, strict=True)],
            relative=relative,
            what="repeated block",
        )
        dodges = _dodges(len(found), len(times), relative=relative)
        for place, (network, x) in enumerate(zip(found, positions, strict=True)):
            places = dict(zip(network.rows["blocks"], x, strict=True))
            for number, fill, dodge in zip(times, _fills(times), dodges[place], strict=True):
                _draw(ax, network, number, places, fill=fill, dodge=dodge)
            impossible = ~network.rows["deletable"].to_numpy(dtype=bool) & ~repeated[place]
            mark_bottom(ax, network.series, x[impossible] + dodges[place].mean(), marker="x")
        entries: Entries = [series_key(network.series) for network in found]
        entries += _key_of_marks(found, times, interval_name(results))
        entries += draw_intact(ax, found)
        measure = found[0].measure
        values = [p for n in found for p in (measure.of(n.rows), measure.high(n.rows))]
        values += [measure.of(network.recalibrated) for network in found]
        entries += limits_and_chance(ax, values, measure, [network.classes for network in found])
        ax.set_ylabel(drawn(f"{measure.title(results)} (%)"))
        finish(ax, entries + shading)
    return ax


def _fills(times: Sequence[int]) -> list[str]:
    return [_FILLS[number % len(_FILLS)] for number in range(len(times))]


def _dodges(networks: int, times: int, *, relative: bool) -> np.ndarray:
    """Return how far aside the marks of each network and number of times stand."""
    count = networks * times
    step = 0.0 if relative else min(0.14, 0.7 / count)
    return (step * (np.arange(count) - (count - 1) / 2)).reshape(networks, times)


def _by_block(network: Network) -> Network:
    rows = network.rows
    blocks = block_numbers(rows, label=network.label)
    return network.with_rows(rows.iloc[np.lexsort((rows["times"], blocks))])


def _draw(
    ax: Axes, network: Network, times: int, places: dict[str, float], *, fill: str, dodge: float
) -> None:
    for some, raw in ((network.rows, True), (network.recalibrated, False)):
        rows: pd.DataFrame = some[some["times"] == times]
        if rows.empty:
            continue
        x = np.array([places[block] for block in rows["blocks"]]) + dodge
        draw_intervals(ax, network, x, rows, alpha=1.0 if raw else 0.35)
        look = network.series.style
        ax.plot(
            x,
            network.measure.of(rows),
            color=look.colour,
            linestyle=look.linestyle if raw else "none",
            linewidth=stroke(0.6),
            marker=look.marker,
            fillstyle=fill,
            markersize=marker_size(ax, len(x)) + 0.5,
            markerfacecolor=look.colour if fill != "none" else paper(),
            markerfacecoloralt=paper(),
            markeredgewidth=0.8,
            alpha=1.0 if raw else 0.45,
            zorder=3,
        )


def _key_of_marks(found: Sequence[Network], times: Sequence[int], interval: str) -> Entries:
    entries: Entries = [
        (
            key(
                marker="o",
                fillstyle=fill,
                markersize=5,
                markerfacecoloralt=paper(),
                markeredgewidth=0.8,
            ),
            f"applied {number} times",
        )
        for number, fill in zip(times, _fills(times), strict=True)
    ]
    entries.append(bars_key(interval))
    if any(len(network.recalibrated) for network in found):
        entries.append(recalibrated_key())
    if not all(network.rows["deletable"].all() for network in found):
        entries.append(lost_key("changes the shape"))
    return entries
