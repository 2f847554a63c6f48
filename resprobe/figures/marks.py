"""What several figures have in common: stages, series, marks for what has no place, legend."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from matplotlib.transforms import offset_copy

from resprobe.figures.series import Series
from resprobe.figures.theme import INK, MUTED, PAGE, PAPER, despine, drawn, short_text

__all__ = [
    "Entries",
    "depth_axis",
    "draw_on_log_axis",
    "draw_series",
    "finish",
    "inches_of",
    "key",
    "mark_bottom",
]

Entries = list[tuple[Artist, str]]
"""The legend's handles and labels, in order."""

_LEGEND_POINTS = 7.0
_ABOVE_EDGE = 0.025  # of the height: clear of the ticks
_ABOVE_STAGES = 12.0  # points: room for the names of the stages


def key(**look: object) -> Line2D:
    """Return a legend handle in the ink of the page unless ``look`` says otherwise."""
    return Line2D([], [], **{"color": INK, "linestyle": "none", **look})  # type: ignore[arg-type]


def marker_size(ax: Axes, count: int) -> float:
    """Return a marker size in points that leaves room between ``count`` points in a row."""
    return float(np.clip(0.55 * 72 * inches_of(ax) / count, 1.5, 4.0))


def inches_of(ax: Axes) -> float:
    """Return about how wide the axes will be; a layout that adapts decides only when drawn."""
    figure = ax.get_figure(root=True)
    width = float(figure.get_figwidth()) if figure is not None else PAGE
    return width * float(ax.get_position(original=True).width)


def draw_series(
    ax: Axes, series: Series, x: np.ndarray, y: np.ndarray, *, filled: bool = True
) -> Line2D:
    """Draw one network's points, joined by its line; a NaN leaves a gap."""
    look = series.style
    (line,) = ax.plot(
        x,
        y,
        color=look.colour,
        linestyle=look.linestyle if filled else (0.0, (1, 1.5)),
        marker=look.marker,
        markersize=marker_size(ax, len(x)),
        markerfacecolor=look.colour if filled else PAPER,
        markeredgecolor=look.colour,
        markeredgewidth=0.8,
        label=drawn(series.label),
        zorder=3 if filled else 2.8,
    )
    return line


def series_key(series: Series) -> tuple[Artist, str]:
    """Return the legend's handle and label of one network."""
    look = series.style
    return key(
        color=look.colour, linestyle=look.linestyle, marker=look.marker, markersize=4.0
    ), series.label


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
            color=series.style.colour,
            zorder=4,
        )


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
    ax.set_xlabel(
        f"Position of the {what} (0 first, 1 last)"
        if relative
        else f"{what.capitalize()} (0 is nearest the input)"
    )
    last = max(float(x.max()) for x in positions)
    ax.set_xlim((-0.03, 1.03) if relative else (-0.6, last + 0.6))
    if not relative:
        ax.xaxis.set_major_locator(MaxNLocator(nbins=12, integer=True, min_n_ticks=1))
    ax.grid(visible=False, axis="x")
    if "stage" not in series[0].rows.columns:
        return []
    return _shade_stages(ax, series, positions[0], relative=relative)


def _shade_stages(ax: Axes, series: Sequence[Series], x: np.ndarray, *, relative: bool) -> Entries:
    stages = series[0].rows["stage"].astype(str).to_list()
    starts = [i for i, stage in enumerate(stages) if i == 0 or stage != stages[i - 1]]
    if len(starts) < 2:
        return []
    left, right = ax.get_xlim()
    edges = [left, *(float(x[i - 1] + x[i]) / 2 for i in starts[1:]), right]
    for number, start in enumerate(starts):
        low, high = edges[number], edges[number + 1]
        if number % 2:
            ax.axvspan(low, high, color=INK, alpha=0.07, linewidth=0, zorder=0)
        if (high - low) / (right - left) > 0.12:
            ax.annotate(
                drawn(f"stage {short_text(stages[start], limit=8)}"),
                ((low + high) / 2, 1.0),
                xycoords=ax.get_xaxis_transform(),
                xytext=(0, 2),
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize=6.5,
                color=MUTED,
            )
    if not relative or len(series) < 2:
        return []
    return [
        (
            Patch(color=INK, alpha=0.07, linewidth=0),
            f"stages: {short_text(series[0].label, limit=22)}",
        )
    ]


def draw_on_log_axis(
    ax: Axes,
    series: Sequence[Series],
    positions: Sequence[np.ndarray],
    values: Sequence[np.ndarray],
    *,
    beside: Sequence[np.ndarray] = (),
) -> Entries:
    """Draw values, and open marks ``beside`` them, on a logarithmic axis.

    A value of 0 or less and one that is not finite are marked at the lower edge. Returns
    the legend entries of those marks.
    """
    _log_limits(ax, [*values, *beside])
    entries: Entries = []
    for curves, filled in ((values, True), (beside, False)):
        for one, x, y in zip(series, positions, curves, strict=False):
            fits = np.isfinite(y) & (y > 0)
            draw_series(ax, one, x, np.where(fits, y, np.nan), filled=filled)
            mark_bottom(ax, one, x[np.isfinite(y) & (y <= 0)], marker="$0$")
            mark_bottom(ax, one, x[~np.isfinite(y)], marker="x")
    every = np.concatenate([*values, *beside])
    if (np.isfinite(every) & (every <= 0)).any():
        entries.append((key(marker="$0$", markersize=4.5, markeredgewidth=0.5), "exactly 0"))
    if not np.isfinite(every).all():
        entries.append((key(marker="x", markersize=4.5, markeredgewidth=1.1), "not finite"))
    return entries


def _log_limits(ax: Axes, values: Sequence[np.ndarray]) -> None:
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
        ax.yaxis.set_minor_formatter(NullFormatter())


def finish(ax: Axes, entries: Entries, *, title: str = "") -> None:
    """Add the legend above the axes, where it hides no data, and take away the frame.

    A panel of one network has its name as the legend's title.
    """
    despine(ax)
    ax.tick_params(which="both", labelsize=7.0)
    for label in (ax.xaxis.label, ax.yaxis.label):
        label.set_fontsize(8.0)
    figure = ax.get_figure(root=True)
    labels = [label for _, label in entries]
    legend = ax.legend(
        [handle for handle, _ in entries],
        [drawn(label) for label in labels],
        loc="lower left",
        bbox_to_anchor=(0, 1),
        bbox_transform=offset_copy(ax.transAxes, figure, y=_ABOVE_STAGES, units="points"),
        borderaxespad=0,
        borderpad=0,
        columnspacing=1.4,
        fontsize=_LEGEND_POINTS,
        frameon=False,
        handlelength=3.2,
        labelspacing=0.35,
        ncols=_columns(labels, inches_of(ax)),
        title=drawn(title) or None,
        title_fontsize=_LEGEND_POINTS + 0.5,
        alignment="left",
    )
    legend.set_zorder(5)


def _columns(labels: Sequence[str], inches: float) -> int:
    """Return the most columns, filled one after the other, that fit the width of the axes."""
    em = _LEGEND_POINTS / 72
    widths = [em * (0.53 * len(label) + 4.0) for label in labels]
    for columns in range(len(labels), 1, -1):
        total = sum(max(column) for column in np.array_split(widths, columns))
        if total + 1.4 * em * (columns - 1) <= inches:
            return columns
    return 1
