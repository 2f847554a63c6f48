"""What heat maps have in common: one panel per network, one scale of colours for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import Colormap, Normalize
from matplotlib.ticker import FixedLocator

from resprobe.errors import InputError
from resprobe.figures.keys import Entries, transition_key
from resprobe.figures.lesion.reading import Network
from resprobe.figures.marks import inches_of
from resprobe.figures.theme import drawn, faint, ink, muted, paper, points, short_text, stroke

__all__ = [
    "Panels",
    "colour_bar",
    "draw_heat",
    "draw_signs",
    "largest_of",
    "name_of",
    "panels_of",
    "part_stages",
    "picked",
    "tick_texts",
]

T = TypeVar("T")


@dataclass(frozen=True)
class Panels:
    """The networks of a figure with a panel for each, and for each of its statistics."""

    every: Sequence[tuple[Network, pd.DataFrame]]

    def pick(self, panel: int | None) -> tuple[Network, pd.DataFrame]:
        """Return the network and rows of one panel, as :func:`picked` does."""
        return picked(self.every, panel)


def picked(every: Sequence[T], panel: int | None) -> T:
    """Return what one panel shows, or the only thing there is.

    Raises
    ------
    InputError
        If there are several and none is named.

    Examples
    --------
    >>> picked(["a"], None), picked(["a", "b"], 1)
    ('a', 'b')
    """
    if panel is None and len(every) > 1:
        raise InputError(
            f"this study has a panel for each network, here {len(every)}; "
            "resprobe.figures.figure(result) draws them all"
        )
    return every[panel or 0]


def panels_of(networks: Sequence[Network]) -> Panels:
    """Return a panel for each network, and one more for its recalibrated statistics."""
    every = []
    for network in networks:
        every.append((network, network.rows))
        if len(network.recalibrated):
            every.append((network, network.recalibrated))
    return Panels(every)


def name_of(network: Network, rows: pd.DataFrame) -> str:
    """Return what a panel is called."""
    again = (rows["batch_norm"] == "recalibrated").any()
    return f"{network.label}, recalibrated" if again else network.label


def largest_of(parts: Sequence[pd.DataFrame], column: str) -> float:
    """Return the largest value of all, in percentage points, and 1 at least."""
    found = np.abs(100 * np.concatenate([rows[column].to_numpy(dtype=float) for rows in parts]))
    finite = found[np.isfinite(found)]
    return max(1.0, float(finite.max())) if len(finite) else 1.0


def draw_heat(
    ax: Axes, values: np.ndarray, *, limit: float, aspect: Literal["auto", "equal"] = "auto"
) -> None:
    """Draw percentage points as colours from -limit to limit, NaN as grey."""
    colours = colormaps["RdBu_r"].with_extremes(bad=faint())
    ax.imshow(
        np.ma.masked_invalid(values),
        cmap=colours,
        norm=Normalize(-limit, limit),
        aspect=aspect,
        interpolation="nearest",
        zorder=1,
    )
    ax.grid(visible=False)


def draw_signs(ax: Axes, values: np.ndarray, *, limit: float, where: np.ndarray) -> None:
    """Write + or - into the chosen cells, which a print in grey does not tell apart."""
    size = float(np.clip(0.3 * 72 * inches_of(ax) / max(values.shape), 0.8, 4.0))
    for marker, sign in (("+", 1), ("_", -1)):
        for dark in (False, True):
            cells = where & (np.sign(values) == sign) & ((np.abs(values) > 0.6 * limit) == dark)
            rows, columns = np.nonzero(cells)
            ax.plot(
                columns,
                rows,
                linestyle="none",
                marker=marker,
                markersize=size,
                markeredgewidth=0.2 * size,
                color=paper() if dark else ink(),
                zorder=2,
            )


def part_stages(ax: Axes, which: str, rows: pd.DataFrame, places: Sequence[float] = ()) -> Entries:
    """Part the stages of a heat map's blocks by lines, and mark transitions at its edge.

    Parameters
    ----------
    ax : Axes
        Where the heat map is.
    which : str
        The axis of the blocks, "x" or "y".
    rows : DataFrame
        One row per block, with ``stage`` and ``kind`` where they are known.
    places : sequence of float
        Where the blocks stand; without it 0, 1, 2...
    """
    at = np.asarray(places, dtype=float) if len(places) else np.arange(len(rows), dtype=float)
    if "stage" in rows.columns:
        stages = rows["stage"].to_numpy()
        line = ax.axvline if which == "x" else ax.axhline
        for edge in np.flatnonzero(stages[1:] != stages[:-1]):
            line((at[edge] + at[edge + 1]) / 2, color=paper(), linewidth=stroke(0.8), zorder=2)
    if "kind" not in rows.columns or not (rows["kind"] == "transition").any():
        return []
    mark_edge(ax, which, at[(rows["kind"] == "transition").to_numpy(dtype=bool)])
    return [transition_key(size=3.5)]


def colour_bar(
    ax: Axes, norm: Normalize, colours: Colormap, label: str, *, beyond: bool = False
) -> Colorbar:
    """Add the scale of colours at the right; ``beyond`` says that some lie outside it."""
    figure = ax.get_figure(root=True)
    assert figure is not None, "axes that are drawn into belong to a figure"
    bar = figure.colorbar(
        ScalarMappable(norm, colours),
        cax=ax.inset_axes((1.02, 0.0, 0.03, 1.0)),
        extend="both" if beyond else "neither",
    )
    bar.ax.tick_params(labelsize=points(6.5), length=2)
    bar.outline.set_linewidth(0.4)
    bar.set_label(drawn(label), fontsize=points(7))
    return bar


def tick_texts(ax: Axes, which: str, texts: Sequence[str], marked: Sequence[bool] = ()) -> None:
    """Label columns ("x") or rows ("y"), as many as have room; the marked ones get a diamond."""
    shown = [short_text(text, limit=12) for text in texts]
    step = max(1, int(np.ceil(len(texts) * _points_each(which, shown) / _points(ax, which))))
    axis = ax.xaxis if which == "x" else ax.yaxis
    axis.set_major_locator(FixedLocator(list(range(0, len(texts), step))))
    axis.set_ticklabels([drawn(text) for text in shown[::step]])
    mark_edge(ax, which, np.flatnonzero(np.asarray(marked, dtype=bool)))


def mark_edge(ax: Axes, which: str, places: np.ndarray) -> None:
    """Draw a diamond at the edge of a heat map for each column ("x") or row ("y")."""
    if not len(places):
        return
    edge = np.ones(len(places))
    ax.plot(
        *((places, edge) if which == "x" else (edge, places)),
        transform=ax.get_xaxis_transform() if which == "x" else ax.get_yaxis_transform(),
        linestyle="none",
        marker="D",
        markersize=2.8,
        markerfacecolor=paper(),
        markeredgecolor=muted(),
        markeredgewidth=0.8,
        clip_on=False,
        zorder=4,
    )


def _points_each(which: str, texts: Sequence[str]) -> float:
    """Return how much of an axis a label takes, in points."""
    return 9.0 if which == "y" else 4.6 * max(map(len, texts)) + 4


def _points(ax: Axes, which: str) -> float:
    """Return about how long an axis will be; the scale of colours takes its part of the width."""
    if which == "x":
        return 72 * 0.75 * inches_of(ax)
    figure = ax.get_figure(root=True)
    height = 3.0 if figure is None else float(figure.get_figheight())
    return 72 * 0.7 * height * float(ax.get_position(original=True).height)
