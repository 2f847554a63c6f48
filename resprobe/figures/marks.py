"""What several figures draw alike: points of a network, their bars, transitions, lost points."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from resprobe.figures.keys import DOTTED, Entries, transition_key
from resprobe.figures.series import Series
from resprobe.figures.theme import PAGE, drawn, paper, settings, stroke

__all__ = [
    "draw_bars",
    "draw_series",
    "draw_transitions",
    "inches_of",
    "mark_bottom",
    "marker_size",
]

_ABOVE_EDGE = 0.025  # of the height: clear of the ticks
_MANY = 60  # points, from which on bars are thin


def marker_size(ax: Axes, count: int) -> float:
    """Return a marker size in points that leaves room between ``count`` points in a row."""
    largest = float(settings()["lines.markersize"])
    return float(np.clip(0.55 * 72 * inches_of(ax) / count, min(1.5, largest), largest))


def inches_of(ax: Axes) -> float:
    """Return about how wide the axes will be; a layout that adapts decides only when drawn."""
    figure = ax.get_figure(root=True)
    width = float(figure.get_figwidth()) if figure is not None else PAGE
    return width * float(ax.get_position(original=True).width)


def draw_series(
    ax: Axes, series: Series, x: np.ndarray, y: np.ndarray, *, filled: bool = True
) -> Line2D:
    """Draw one network's points, joined by its line; what is not finite leaves a gap."""
    look = series.style
    (line,) = ax.plot(
        x,
        np.where(np.isfinite(y), y, np.nan),
        color=look.colour,
        linestyle=look.linestyle if filled else DOTTED,
        marker=look.marker,
        markersize=marker_size(ax, len(x)),
        markerfacecolor=look.colour if filled else paper(),
        markeredgecolor=look.colour,
        markeredgewidth=min(0.8, 0.4 * marker_size(ax, len(x))),
        markevery=_marked(ax, y),
        label=drawn(series.label),
        zorder=3 if filled else 2.8,
    )
    return line


def _thinned(ax: Axes, count: int) -> int:
    """Return every which of ``count`` points has a mark, so that they stay apart."""
    return max(1, int(np.ceil(count / (72 * inches_of(ax) / 2.5))))


def _marked(ax: Axes, y: np.ndarray) -> list[bool]:
    """Tell which points have a mark: where there are many some, and those that no line reaches."""
    gap = np.concatenate([[True], ~np.isfinite(y), [True]])
    alone = gap[:-2] & gap[2:]
    some = np.arange(len(y)) % _thinned(ax, len(y)) == 0
    return [bool(marked) for marked in some | alone]


def draw_bars(
    ax: Axes,
    colour: str,
    x: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    *,
    width: float = 0.9,
    alpha: float = 1.0,
) -> bool:
    """Draw upright bars, those whose ends are known; return whether there are any.

    An axis whose limits are set makes room for them; on a logarithmic one a bar ends at the lower
    edge.
    """
    shown = np.isfinite(low) & np.isfinite(high)
    if not ax.get_autoscaley_on() and shown.any():
        low = _make_room(ax, low, high, shown)
    ax.vlines(
        x[shown],
        low[shown],
        high[shown],
        colors=colour,
        linewidths=stroke(width if len(x) <= _MANY else 0.5),
        alpha=alpha,
        zorder=2.5,
    )
    return bool(shown.any())


def _make_room(ax: Axes, low: np.ndarray, high: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Move the limits of an axis out to the ends of the bars; return the lower ends to draw."""
    bottom, top = ax.get_ylim()
    if (highest := high[shown].max()) > top:
        ax.set_ylim(top=highest * 1.1 if ax.get_yscale() == "log" else highest)
    if ax.get_yscale() == "log":
        ends: np.ndarray = np.minimum(np.maximum(low, bottom), high)
        return ends
    if (lowest := low[shown].min()) < bottom:
        ax.set_ylim(bottom=lowest)
    return low


def draw_transitions(
    ax: Axes,
    series: Series,
    x: np.ndarray,
    y: np.ndarray,
    *,
    at: np.ndarray | None = None,
    filled: bool = False,
    alpha: float = 1.0,
) -> Entries:
    """Draw a diamond at every block that is a transition; return the legend's entry of them.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    series : Series
        Whose blocks they are; without a column ``kind`` it has no known transitions.
    x, y : array of shape (blocks,)
        Where the blocks stand; one whose y is not finite has no diamond here.
    at : array of bool, optional
        Which are transitions, where it is not the column that says so.
    filled : bool
        Whether the diamonds are filled, for the filled one of a network's two curves.
    alpha : float
        Less than 1 for marks that stand back.
    """
    if at is None:
        if "kind" not in series.rows.columns:
            return []
        at = (series.rows["kind"] == "transition").to_numpy(dtype=bool)
    shown = at & np.isfinite(y)
    if ax.get_yscale() == "log":
        shown &= y > 0
    if not shown.any():
        return []
    ax.plot(
        x[shown],
        y[shown],
        linestyle="none",
        marker="D",
        markersize=max(3.4, marker_size(ax, len(x)) + 0.8),
        markerfacecolor=series.style.colour if filled else paper(),
        markeredgecolor=series.style.colour,
        markeredgewidth=1.0,
        alpha=alpha,
        zorder=3.5,
    )
    return [transition_key()]


def mark_bottom(ax: Axes, series: Series, x: np.ndarray, *, marker: str) -> None:
    """Mark positions that have no point in the plane, just above the lower edge of the axes."""
    if len(x):
        ax.plot(
            x,
            np.full(len(x), _ABOVE_EDGE),
            transform=ax.get_xaxis_transform(),
            linestyle="none",
            marker=marker,
            markersize=4.5,
            markeredgewidth=0.5 if marker.startswith("$") else 1.1,
            markevery=_thinned(ax, len(x)),
            color=series.style.colour,
            zorder=4,
        )
