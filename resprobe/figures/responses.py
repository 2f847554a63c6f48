"""The response of every layer, in order and sorted (He et al. 2015, Fig. 7)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from resprobe.errors import InputError
from resprobe.figures.keys import Entries, bars_key, key, series_key
from resprobe.figures.legend import finish
from resprobe.figures.marks import draw_bars, draw_series, marker_size
from resprobe.figures.series import Results, Series, gather
from resprobe.figures.theme import paper, theme

__all__ = ["RANKED", "plot_responses", "response_panels"]

RANKED = "Layer, the largest response first"
"""The label of the axis on which layers stand by their rank."""
_COLUMNS = ("layer", "response_std", "response_std_se", "from_batch_norm", "rank")


def response_panels(results: Results) -> list[Callable[..., Axes]]:  # noqa: ARG001
    """Return the two panels of the figure: layers in their order, and from the largest on."""
    return [plot_responses, partial(plot_responses, ranked=True)]


def plot_responses(
    results: Results, ax: Axes, *, ranked: bool = False, order: Sequence[str] = ()
) -> Axes:
    """Draw the standard deviation of every layer's response, networks overlaid.

    Projections in shortcuts and the head are left out, as in the paper. Bars are one standard
    error over images. Of one network, open marks are what its BatchNorm's parameters say; where
    nothing was measured, they are all there is.

    Parameters
    ----------
    results : Result or sequence of Result
        Named "magnitude-responses".
    ax : Axes
        Where to draw.
    ranked : bool
        Whether layers are sorted, the largest response first, or stand in their order.
    order : sequence of str
        Networks that keep the colour of their place here.

    Raises
    ------
    InputError
        If a result is no such result or is empty, or no layer of it is ranked.

    References
    ----------
    K. He et al., "Deep residual learning for image recognition", CVPR 2016, Fig. 7.
    """
    found = gather(
        results, name="magnitude-responses", numbers=_COLUMNS, texts=("place",), order=order
    )
    series = [_chosen(one, ranked=ranked) for one in found]
    if not any(len(one.rows) for one in series):
        raise InputError("no layer of the magnitude-responses result is ranked")
    with theme():
        entries: Entries = [series_key(one) for one in series]
        for one in series:
            entries += _draw(ax, one, _places(one, ranked=ranked), beside=len(series) == 1)
        first, last = (1, max(len(one.rows) for one in series)) if ranked else _ends(series)
        room = 0.6 + 0.01 * (last - first + 1)
        ax.set_xlim(first - room, last + room)
        ax.set_ylim(bottom=0)
        ax.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True, min_n_ticks=1))
        ax.grid(visible=False, axis="x")
        ax.set_xlabel(RANKED if ranked else "Layer, in order")
        ax.set_ylabel("Standard deviation of the response")
        finish(ax, entries)
    return ax


def _chosen(series: Series, *, ranked: bool) -> Series:
    rows = series.rows[series.rows["rank"].notna()]
    by = "rank" if ranked else "layer"
    return replace(series, rows=rows.sort_values(by, kind="stable"))


def _places(series: Series, *, ranked: bool) -> np.ndarray:
    """Return where layers stand: at their rank from 1 on, or at the number that tables give."""
    return np.arange(1.0, len(series.rows) + 1) if ranked else series.numbers("layer")


def _ends(series: Sequence[Series]) -> tuple[float, float]:
    """Return the first and last number of a layer."""
    layers = np.concatenate([one.numbers("layer") for one in series])
    layers = layers[np.isfinite(layers)]
    return (float(layers.min()), float(layers.max())) if len(layers) else (0.0, 1.0)


def _draw(ax: Axes, series: Series, x: np.ndarray, *, beside: bool) -> Entries:
    std, error = series.numbers("response_std"), series.numbers("response_std_se")
    told = series.numbers("from_batch_norm")
    measured = bool(np.isfinite(std).any())
    draw_series(ax, series, x, std if measured else told)
    bars: Entries = []
    if draw_bars(ax, series.style.colour, x, std - error, std + error):
        bars.append(bars_key("± standard error"))
    if not (beside and measured and np.isfinite(told).any()):
        return bars
    ax.plot(
        x,
        told,
        linestyle="none",
        marker=series.style.marker,
        markersize=min(3.6, marker_size(ax, len(x))),
        markerfacecolor=paper(),
        markeredgecolor=series.style.colour,
        markeredgewidth=0.7,
        zorder=2.5,
    )
    open_mark = key(marker=series.style.marker, markersize=4, markerfacecolor=paper())
    return [*bars, (open_mark, "as BatchNorm's parameters say")]
