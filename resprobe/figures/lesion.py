"""What the error becomes when one block is deleted (Veit et al. 2016, Fig. 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from resprobe.errors import InputError
from resprobe.figures.marks import (
    Entries,
    depth_axis,
    draw_series,
    finish,
    key,
    mark_bottom,
    marker_size,
    series_key,
)
from resprobe.figures.meta import data_of
from resprobe.figures.series import Results, Series, gather, listed, on_one_axis
from resprobe.figures.theme import MUTED, PAPER, drawn, short_text, theme

__all__ = ["plot_lesion"]

NUMBERS = ("error", "accuracy_low", "accuracy_high")
TEXTS = ("lesion", "kind", "blocks", "k", "deletable")


@dataclass(frozen=True)
class _Deletions:
    """One network's single deletions in block order, and its intact row where there is one."""

    series: Series
    blocks: np.ndarray
    intact: pd.Series[Any] | None

    @property
    def rows(self) -> pd.DataFrame:
        return self.series.rows

    def percent(self, column: str) -> np.ndarray:
        return 100 * self.series.numbers(column)

    @property
    def deletable(self) -> np.ndarray:
        return self.rows["deletable"].to_numpy(dtype=bool)

    @property
    def lost(self) -> np.ndarray:
        """Which deletions could be made and yet have no figure."""
        return np.asarray(self.deletable & np.isnan(self.series.numbers("error")))

    @property
    def transition(self) -> np.ndarray:
        """Which deletions leave the shortcut of a transition."""
        return self.deletable & (self.rows["kind"] == "transition").to_numpy(dtype=bool)


def plot_lesion(results: Results, ax: Axes, *, order: Sequence[str] = ()) -> Axes:
    """Draw the error after each single deletion, in percent, against the deleted block.

    Bars are the Wilson 95 % intervals of the frame; a dashed line is the intact network, a
    dotted line chance (where ``meta`` tells the number of classes). Transitions are open
    diamonds. A block that cannot be deleted is a cross at the lower edge. Networks of
    different depth share a relative axis.

    Parameters
    ----------
    results : Result or sequence of Result
        Named "lesion"; single deletions (``k`` of 1) and the intact rows.
    ax : Axes
        Where to draw.
    order : sequence of str
        Networks that keep the colour of their place here.

    Raises
    ------
    InputError
        If a result is no lesion result, is empty, or holds more than single deletions.

    References
    ----------
    A. Veit, M. Wilber, S. Belongie, "Residual networks behave like ensembles of relatively
    shallow networks", NIPS 2016, Fig. 3.
    """
    networks = [
        _deletions(s)
        for s in gather(results, name="lesion", numbers=NUMBERS, texts=TEXTS, order=order)
    ]
    positions, relative = on_one_axis([network.blocks for network in networks])
    with theme():
        entries = [series_key(network.series) for network in networks]
        series = [network.series for network in networks]
        shading = depth_axis(ax, series, positions, relative=relative, what="deleted block")
        for place, (network, x) in enumerate(zip(networks, positions, strict=True)):
            dodge = 0.0 if relative else 0.14 * (place - (len(networks) - 1) / 2)
            _draw(ax, network, x + dodge)
        entries += _draw_intact(ax, networks)
        entries += _key_of_marks(networks)
        entries += _limits_and_chance(ax, networks)
        ax.set_ylabel(drawn(f"{_split(results)} after the deletion (%)"))
        finish(ax, entries + shading)
    return ax


def _deletions(series: Series) -> _Deletions:
    intact = series.rows[series.rows["lesion"] == "intact"]
    rows = series.rows[series.rows["lesion"] != "intact"]
    more = rows[rows["k"] != 1]
    if len(more):
        raise InputError(
            f"this figure draws single deletions; {series.label} also has "
            f"'{more['lesion'].iloc[0]}', so choose the rows with k of 1"
        )
    if rows.empty:
        raise InputError(
            f"{series.label} has no deletions in the lesion result, only the intact row"
        )
    try:
        rows = rows.assign(block=rows["blocks"].astype(int)).sort_values("block")
    except (ValueError, TypeError) as error:
        raise InputError(f"{series.label}: a single deletion names one block ({error})") from error
    first = intact.iloc[0] if len(intact) else None
    return _Deletions(replace(series, rows=rows), rows["block"].to_numpy(dtype=float), first)


def _draw(ax: Axes, network: _Deletions, x: np.ndarray) -> None:
    series, error = network.series, network.percent("error")
    colour = series.style.colour
    line = draw_series(ax, series, x, error)
    line.set_linewidth(0.8)
    line.set_markersize(0.85 * line.get_markersize())  # so that the interval shows beyond it
    ax.vlines(
        x,
        100 - network.percent("accuracy_high"),
        100 - network.percent("accuracy_low"),
        colors=colour,
        linewidths=1.1 if len(x) <= 60 else 0.5,
        zorder=2.5,
    )
    transition = network.transition
    ax.plot(
        x[transition],
        error[transition],
        linestyle="none",
        marker="D",
        markersize=marker_size(ax, len(x)) + 1.0,
        markerfacecolor=PAPER,
        markeredgecolor=colour,
        markeredgewidth=1.1,
        zorder=3.5,
    )
    mark_bottom(ax, series, x[~network.deletable], marker="x")
    mark_bottom(ax, series, x[network.lost], marker="$?$")


def _draw_intact(ax: Axes, networks: Sequence[_Deletions]) -> Entries:
    """Draw each intact network's error as a dashed line with its own marker at the right end."""
    for network in networks:
        if network.intact is None:
            continue
        error, look = 100 * float(network.intact["error"]), network.series.style
        ax.axhline(error, color=look.colour, linestyle=(0, (3, 2)), linewidth=0.8, zorder=2)
        ax.plot(
            [1.015],
            [error],
            transform=ax.get_yaxis_transform(),
            marker=look.marker,
            markersize=3.5,
            color=look.colour,
            clip_on=False,
        )
    if all(network.intact is None for network in networks):
        return []
    return [(key(linestyle=(0, (3, 2)), linewidth=0.8), "intact")]


def _key_of_marks(networks: Sequence[_Deletions]) -> Entries:
    entries: Entries = [(key(marker="|", markersize=8, markeredgewidth=1.1), "95 % interval")]
    if any(network.transition.any() for network in networks):
        entries.append((key(marker="D", markerfacecolor=PAPER, markersize=5), "transition"))
    if not all(network.deletable.all() for network in networks):
        entries.append((key(marker="x", markersize=4.5, markeredgewidth=1.1), "cannot be deleted"))
    if any(network.lost.any() for network in networks):
        entries.append((key(marker="$?$", markersize=4.5, markeredgewidth=0.5), "no figure"))
    return entries


def _limits_and_chance(ax: Axes, networks: Sequence[_Deletions]) -> Entries:
    """Zoom in where all errors are far below chance, and say then where chance would be."""
    tops = [100 - network.percent("accuracy_low") for network in networks]
    tops += [network.percent("error") for network in networks]
    tops += [np.array([100 * float(n.intact["error"])]) for n in networks if n.intact is not None]
    finite = np.concatenate([top[np.isfinite(top)] for top in tops])
    top = float(finite.max()) if len(finite) else 100.0
    chances = sorted({100 - 100 / classes for n in networks if (classes := _classes(n))})
    entries: Entries = []
    for chance in chances:
        if top < 0.55 * chance:
            entries.append((key(), f"chance, {chance:.3g} %, is above the axis"))
            continue
        top = max(top, chance)
        ax.axhline(chance, color=MUTED, linestyle=":", linewidth=1.0, zorder=2)
        entries.append((key(color=MUTED, linestyle=":"), f"chance, {chance:.3g} %"))
    ax.set_ylim(0, max(1.0, min(100.0, 1.08 * top)))
    return entries


def _classes(network: _Deletions) -> int:
    classes = network.series.facts.get("classes")
    return classes if isinstance(classes, int) and classes > 1 else 0


def _split(results: Results) -> str:
    splits = {str(data_of(result.meta).get("split", "")) for result in listed(results)}
    split = splits.pop() if len(splits) == 1 else ""
    return f"{short_text(split, limit=20).capitalize()} error" if split else "Error"
