"""What the error becomes under lesions that were tried one by one, by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from resprobe.errors import InputError
from resprobe.figures.keys import bars_key, series_key
from resprobe.figures.legend import finish
from resprobe.figures.lesion.measure import limits_and_chance
from resprobe.figures.lesion.parts import draw_intact, draw_intervals
from resprobe.figures.lesion.reading import Network, interval_name, networks
from resprobe.figures.marks import marker_size
from resprobe.figures.series import Results
from resprobe.figures.theme import drawn, points, short_text, theme

__all__ = ["plot_by_hand"]

_NAMED = 40  # lesions that have room for their names


def plot_by_hand(results: Results, ax: Axes, *, order: Sequence[str] = ()) -> Axes:
    """Draw the error after each lesion in the order in which they were tried.

    Bars are intervals, a dashed line is the intact network. More than 40 lesions are numbered.

    Parameters
    ----------
    results : Result or sequence of Result
        Of the study "by-hand".
    ax : Axes
        Where to draw.
    order : sequence of str
        Networks that keep the colour of their place here.

    Raises
    ------
    InputError
        If there are several networks, whose lesions have no common order.
    """
    found = networks(results, order=order)
    if len(found) > 1:
        raise InputError(
            f"lesions by hand are drawn for one network at a time; got {len(found)}, so draw "
            "them one by one"
        )
    (network,) = found
    x = np.arange(len(network.rows), dtype=float)
    measure = network.measure
    with theme():
        draw_intervals(ax, network, x, network.rows)
        ax.plot(
            x,
            measure.of(network.rows),
            linestyle="none",
            marker=network.series.style.marker,
            color=network.series.style.colour,
            markersize=marker_size(ax, len(x)),
            zorder=3,
        )
        ax.set_xlim(-0.6, len(x) - 0.4)
        _name(ax, network, x)
        entries = [series_key(network.series), bars_key(interval_name(results))]
        entries += draw_intact(ax, found)
        values = [measure.of(network.rows), measure.high(network.rows)]
        values.append(np.array([network.intact_value()]))
        entries += limits_and_chance(ax, values, measure, [network.classes])
        ax.set_ylabel(drawn(f"{measure.title(results)} (%)"))
        finish(ax, entries)
    return ax


def _name(ax: Axes, network: Network, x: np.ndarray) -> None:
    ax.grid(visible=False, axis="x")
    if len(x) > _NAMED:
        ax.set_xlabel("Lesion, in the order tried")
        return
    names = [drawn(short_text(label, limit=28)) for label in network.rows["lesion"]]
    ax.set_xticks(x, names, rotation=45, ha="right", rotation_mode="anchor", fontsize=points(7))
