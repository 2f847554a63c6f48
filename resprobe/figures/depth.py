"""The axis of depth: positions of blocks, stages shaded, values on a logarithmic axis."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from resprobe.figures.keys import SHARED, Entries, key, lost_key, once
from resprobe.figures.marks import draw_series, draw_transitions, inches_of, mark_bottom
from resprobe.figures.series import Series
from resprobe.figures.theme import drawn, ink, muted, points, short_text

__all__ = ["depth_axis", "draw_on_log_axis", "log_limits", "name_stages", "number_axis"]

_NARROW = 2.0  # inches
_LEAST_ROOM = 0.12  # of the axis: a narrower stage has no room for its name


def depth_axis(
    ax: Axes,
    series: Sequence[Series],
    positions: Sequence[np.ndarray],
    *,
    relative: bool,
    what: str,
) -> Entries:
    """Set up the axis of depth and shade every second stage of the first network.

    Returns the legend entry that names the shading, where it is needed.
    """
    ax.set_xlabel(_depth_label(ax, what, relative=relative))
    last = max(float(x.max()) for x in positions)
    ax.set_xlim((-0.03, 1.03) if relative else (-0.6, last + 0.6))
    if not relative:
        number_axis(ax, "x")
    ax.grid(visible=False, axis="x")
    if "stage" not in series[0].rows.columns:
        return []
    return _shade_stages(ax, series, positions[0], relative=relative)


def _depth_label(ax: Axes, what: str, *, relative: bool) -> str:
    """Name the axis of depth in the room that there is."""
    whole = inches_of(ax) >= _NARROW
    if relative:
        return f"Position{f' of the {what}' * whole} (0 first, 1 last)"
    return f"{what.capitalize()}{' (0 is nearest the input)' * whole}"


def number_axis(ax: Axes, which: str, *, most: int = 12) -> None:
    """Put ticks at whole numbers only, at most so many."""
    axis = ax.xaxis if which == "x" else ax.yaxis
    axis.set_major_locator(MaxNLocator(nbins=most, integer=True, min_n_ticks=1))


def _shade_stages(ax: Axes, series: Sequence[Series], x: np.ndarray, *, relative: bool) -> Entries:
    stages = series[0].rows["stage"].astype(str).to_list()
    starts = [i for i, stage in enumerate(stages) if i == 0 or stage != stages[i - 1]]
    if len(starts) < 2:
        return []
    left, right = ax.get_xlim()
    edges = [left, *(float(x[i - 1] + x[i]) / 2 for i in starts[1:]), right]
    for low, high in list(itertools.pairwise(edges))[1::2]:
        ax.axvspan(low, high, color=ink(), alpha=0.07, linewidth=0, zorder=0)
    name_stages(ax, edges, [stages[start] for start in starts])
    if not relative or len(series) < 2:
        return []
    shade = Patch(color=ink(), alpha=0.07, linewidth=0, gid=SHARED)
    return [(shade, f"stages: {short_text(series[0].label, limit=22)}")]


def name_stages(ax: Axes, edges: Sequence[float], names: Sequence[str]) -> None:
    """Name the stages above the axes, those that have room; ``edges`` are one more."""
    whole = abs(edges[-1] - edges[0])
    for name, low, high in zip(names, edges, edges[1:], strict=False):
        if abs(high - low) < _LEAST_ROOM * whole:
            continue
        ax.annotate(
            drawn(f"stage {short_text(name, limit=8)}"),
            ((low + high) / 2, 1.0),
            xycoords=ax.get_xaxis_transform(),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=points(6.5),
            color=muted(),
        )


def draw_on_log_axis(
    ax: Axes,
    series: Sequence[Series],
    positions: Sequence[np.ndarray],
    values: Sequence[np.ndarray],
    *,
    beside: Sequence[np.ndarray] = (),
) -> Entries:
    """Draw values, and open marks ``beside`` them, on a logarithmic axis.

    Transitions are diamonds. A value of 0 or less and one that is not finite are marked at the
    lower edge. Returns the legend entries of those marks.
    """
    log_limits(ax, [*values, *beside])
    entries: Entries = []
    for curves, filled in ((values, True), (beside, False)):
        for one, x, y in zip(series, positions, curves, strict=False):
            fits = np.isfinite(y) & (y > 0)
            shown = np.where(fits, y, np.nan)
            draw_series(ax, one, x, shown, filled=filled)
            entries += draw_transitions(ax, one, x, shown, filled=filled and len(beside) > 0)
            mark_bottom(ax, one, x[np.isfinite(y) & (y <= 0)], marker="$0$")
            mark_bottom(ax, one, x[~np.isfinite(y)], marker="x")
    every = np.concatenate([*values, *beside])
    if (np.isfinite(every) & (every <= 0)).any():
        entries.append((key(marker="$0$", markersize=4.5, markeredgewidth=0.5), "exactly 0"))
    if not np.isfinite(every).all():
        entries.append(lost_key())
    return once(entries)


def log_limits(ax: Axes, values: Sequence[np.ndarray]) -> None:
    """Fit a logarithmic axis to all values above 0; where there are none it has no ticks."""
    shown = np.concatenate([v[np.isfinite(v) & (v > 0)] for v in values])
    if not len(shown):
        ax.set_ylim(0, 1)
        ax.set_yticks([])
        return
    ax.set_yscale("log")
    low, high = float(shown.min()), float(shown.max())
    room = max((high / low) ** 0.06, 1.15)
    ax.set_ylim(low / room, high * room)
    if high / low > 100:
        ax.yaxis.set_major_locator(LogLocator(base=10, numticks=9))
    else:
        subs = (1, 2, 5) if high / low > 5 else (1, 1.5, 2, 3, 4, 5, 7)
        ax.yaxis.set_major_locator(LogLocator(base=10, subs=subs))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())
