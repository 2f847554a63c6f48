"""What the error becomes when one block or layer is deleted (Veit et al. 2016, Fig. 3)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from resprobe.errors import InputError
from resprobe.figures.depth import depth_axis
from resprobe.figures.keys import Entries, bars_key, key, lost_key, series_key, transition_key
from resprobe.figures.legend import finish
from resprobe.figures.lesion.measure import limits_and_chance
from resprobe.figures.lesion.parts import (
    block_numbers,
    draw_intact,
    draw_intervals,
    recalibrated_key,
)
from resprobe.figures.lesion.reading import Network, interval_name, networks
from resprobe.figures.marks import draw_series, draw_transitions, mark_bottom, marker_size
from resprobe.figures.series import Results, on_one_axis
from resprobe.figures.theme import drawn, paper, stroke, theme

__all__ = ["plot_single"]


def plot_single(
    results: Results, ax: Axes, *, what: str = "block", order: Sequence[str] = ()
) -> Axes:
    """Draw the error after each single deletion, in percent, against the deleted block.

    Parameters
    ----------
    results : Result or sequence of Result
        Of the study "single" or "layers": single deletions (``k`` of 1) and the intact rows.
    ax : Axes
        Where to draw.
    what : str
        What is deleted: a block, or a layer.
    order : sequence of str
        Networks that keep the colour of their place here.
    """
    found = [_by_block(network) for network in networks(results, order=order)]
    indices = [block_numbers(network.rows, label=network.label) for network in found]
    positions, relative = on_one_axis(indices)
    with theme():
        series = [network.series for network in found]
        shading = depth_axis(ax, series, positions, relative=relative, what=f"deleted {what}")
        for place, (network, x) in enumerate(zip(found, positions, strict=True)):
            dodge = 0.0 if relative else 0.14 * (place - (len(found) - 1) / 2)
            _draw(ax, network, x + dodge)
        entries = [series_key(one) for one in series]
        entries += draw_intact(ax, found)
        entries += _key_of_marks(found, interval_name(results))
        entries += limits_and_chance(
            ax,
            [_shown(network) for network in found],
            found[0].measure,
            [network.classes for network in found],
        )
        ax.set_ylabel(drawn(f"{found[0].measure.title(results)} after the deletion (%)"))
        finish(ax, entries + shading)
    return ax


def _by_block(network: Network) -> Network:
    more = network.rows[network.rows["k"] != 1]
    if len(more):
        raise InputError(
            f"this figure draws single deletions; {network.label} also has "
            f"'{more['lesion'].iloc[0]}', so choose the rows with k of 1"
        )
    blocks = block_numbers(network.rows, label=network.label)
    return network.with_rows(network.rows.iloc[np.argsort(blocks, kind="stable")])


def _shown(network: Network) -> np.ndarray:
    """Return everything that needs room on the axis."""
    measure, some = network.measure, [network.rows, network.recalibrated]
    values = [part for rows in some for part in (measure.of(rows), measure.high(rows))]
    return np.concatenate([*values, [network.intact_value()]])


def _draw(ax: Axes, network: Network, x: np.ndarray) -> None:
    series, values = network.series, network.measure.of(network.rows)
    line = draw_series(ax, series, x, values)
    line.set_linewidth(stroke(0.8))
    line.set_markersize(0.85 * line.get_markersize())  # so that the interval shows beyond it
    draw_intervals(ax, network, x, network.rows)
    transition = network.is_transition(network.rows)
    draw_transitions(ax, series, x, values, at=transition)
    _draw_recalibrated(ax, network, x)
    mark_bottom(ax, series, x[~_deletable(network.rows)], marker="x")
    mark_bottom(ax, series, x[_lost(network)], marker="$?$")


def _draw_recalibrated(ax: Axes, network: Network, x: np.ndarray) -> None:
    """Draw the light open marks over the same blocks, transitions as diamonds here too."""
    rows = network.recalibrated
    if rows.empty:
        return
    places = dict(zip(network.rows["blocks"].astype(str), x, strict=True))
    rows = rows[rows["blocks"].astype(str).isin(list(places))]
    at = np.array([places[str(block)] for block in rows["blocks"]])
    look, values = network.series.style, network.measure.of(rows)
    transition = network.is_transition(rows)
    draw_intervals(ax, network, at, rows, alpha=0.35)
    ax.plot(
        at[~transition],
        values[~transition],
        linestyle="none",
        marker=look.marker,
        markersize=marker_size(ax, len(x)),
        markerfacecolor=paper(),
        markeredgecolor=look.colour,
        markeredgewidth=0.7,
        alpha=0.6,
        zorder=2.9,
    )
    draw_transitions(ax, network.series, at, values, at=transition, alpha=0.6)


def _deletable(rows: pd.DataFrame) -> np.ndarray:
    return rows["deletable"].to_numpy(dtype=bool)


def _lost(network: Network) -> np.ndarray:
    """Tell which deletions could be made and yet have no figure."""
    return np.asarray(_deletable(network.rows) & np.isnan(network.measure.of(network.rows)))


def _key_of_marks(found: Sequence[Network], interval: str) -> Entries:
    entries: Entries = [bars_key(interval)]
    if any(network.is_transition(network.rows).any() for network in found):
        entries.append(transition_key())
    if any(len(network.recalibrated) for network in found):
        entries.append(recalibrated_key())
    if not all(_deletable(network.rows).all() for network in found):
        entries.append(lost_key("cannot be deleted"))
    if any(_lost(network).any() for network in found):
        entries.append((key(marker="$?$", markersize=4.5, markeredgewidth=0.5), "no figure"))
    return entries
