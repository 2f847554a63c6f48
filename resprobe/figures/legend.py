"""The end of every panel: its legend above the axes; and what panels share, above the figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path
from matplotlib.transforms import offset_copy

from resprobe.figures.keys import SHARED, Entries, once
from resprobe.figures.marks import inches_of
from resprobe.figures.theme import despine, drawn, points, points_of

__all__ = ["finish", "share_legends"]

_ABOVE_STAGES = 12.0  # points: room for the names of the stages
_HANDLE, _GAP, _SPACE = 3.2, 0.5, 1.2  # of the size of the font: a line, to its text, to the next

_MADE: WeakKeyDictionary[Axes, tuple[Entries, str]] = WeakKeyDictionary()
"""What stands in the legend of each panel, with its title."""


def finish(ax: Axes, entries: Entries, *, title: str = "") -> None:
    """Add the legend above the axes, where it hides no data, and take away the frame.

    Of several entries with one label, the first is kept. A panel of one network has its name as
    the legend's title.
    """
    despine(ax)
    for axis in (ax.xaxis, ax.yaxis):
        size = points_of(f"{axis.axis_name}tick.labelsize")
        axis.set_tick_params(which="both", labelsize=size)
        axis.label.set_fontsize(points_of("axes.labelsize"))
    _add_legend(ax, once(entries), title)


def share_legends(figure: Figure, panels: Sequence[Axes]) -> None:
    """Say once, above the whole figure, what the legends of its panels have in common.

    That is what every panel has, and what speaks for all of them wherever it stands: networks,
    transitions, stages. The legend of a single panel goes there whole, where it has the most room.
    """
    made = [_MADE[ax] for ax in panels]
    labels = [{label for _, label in entries} for entries, _ in made]
    everywhere = set.intersection(*labels)
    common = once(
        (handle, label)
        for entries, _ in made
        for handle, label in entries
        if label in everywhere or handle.get_gid() == SHARED
    )
    if not common:
        return
    said = {label for _, label in common}
    for ax, (entries, title) in zip(panels, made, strict=True):
        _add_legend(ax, [entry for entry in entries if entry[1] not in said], title)
    room = float(figure.get_figwidth()) - 0.2
    handles, shown = _content(common)
    figure.legend(handles, shown, loc="outside upper left", **_look(shown, room))


def _add_legend(ax: Axes, entries: Entries, title: str) -> None:
    _MADE[ax] = (entries, title)
    figure = ax.get_figure(root=True)
    handles, labels = _content(entries)
    legend = ax.legend(
        handles,
        labels,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        bbox_transform=offset_copy(ax.transAxes, figure, y=points(_ABOVE_STAGES), units="points"),
        borderaxespad=0,
        title=drawn(title) or None,
        title_fontsize=points_of("legend.title_fontsize"),
        **_look(labels, inches_of(ax)),
    )
    legend.set_zorder(5)


def _content(entries: Entries) -> tuple[list[Artist], list[str]]:
    return [handle for handle, _ in entries], [drawn(label) for _, label in entries]


def _look(labels: Sequence[str], inches: float) -> dict[str, Any]:
    """Return how a legend is laid out that has so many inches."""
    size = points_of("legend.fontsize")
    return {
        "alignment": "left",
        "borderpad": 0,
        "columnspacing": _SPACE,
        "fontsize": size,
        "frameon": False,
        "handlelength": _HANDLE,
        "handletextpad": _GAP,
        "labelspacing": 0.35,
        "ncols": _columns(labels, inches, size),
    }


def _columns(labels: Sequence[str], inches: float, size: float) -> int:
    """Return the most columns, filled one after the other, that fit so many inches."""
    em = size / 72
    font = FontProperties(size=size)
    widths = [_inches(label, font) + em * (_HANDLE + _GAP) for label in labels]
    for columns in range(len(labels), 1, -1):
        total = sum(max(column) for column in np.array_split(widths, columns))
        if total + _SPACE * em * (columns - 1) <= inches:
            return columns
    return 1


def _inches(label: str, font: FontProperties) -> float:
    """Return how wide a text is in the font of the figure."""
    width, *_ = text_to_path.get_text_width_height_descent(label, font, False)
    return float(width) / 72
