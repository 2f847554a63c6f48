"""What the panels of signals at initialisation have in common: points, bars, and laws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes

from resprobe.figures.depth import depth_axis, draw_on_log_axis
from resprobe.figures.keys import Entries, bars_key, key, series_key
from resprobe.figures.marks import draw_bars
from resprobe.figures.series import Results, Series, gather, on_one_axis
from resprobe.figures.theme import muted, stroke

__all__ = ["axis_of_depth", "bars", "correlation_limits", "gathered", "laws", "on_log_axis"]

_LAW = (0.0, (4, 1.5))


def gathered(results: Results, columns: Sequence[str], order: Sequence[str]) -> list[Series]:
    """Return the networks of initialisation results, block by block."""
    numbers = ("block", "branch_share", *columns)
    found = gather(results, name="initialisation", numbers=numbers, texts=("normalised",),
                   order=order)  # fmt: skip
    return [replace(one, rows=one.rows.sort_values("block", kind="stable")) for one in found]


def axis_of_depth(ax: Axes, series: Sequence[Series]) -> tuple[list[np.ndarray], Entries]:
    """Set up the axis of depth; return the positions and the shading's entry."""
    positions, relative = on_one_axis([one.numbers("block") for one in series])
    return positions, depth_axis(ax, series, positions, relative=relative, what="block")


def on_log_axis(
    ax: Axes, series: Sequence[Series], column: str
) -> tuple[list[np.ndarray], Entries, Entries]:
    """Draw one column with its bars; return the positions, the entries and the shading's."""
    positions, shading = axis_of_depth(ax, series)
    entries = [series_key(one) for one in series]
    entries += draw_on_log_axis(ax, series, positions, [one.numbers(column) for one in series])
    entries += bars(ax, series, positions, column)
    return positions, entries, shading


def correlation_limits(values: Sequence[np.ndarray]) -> tuple[float, float]:
    """Return the limits of an axis of correlations: 0 to 1, and what noise there is below."""
    finite = np.concatenate([v[np.isfinite(v)] for v in values])
    low = float(finite.min()) if len(finite) else 0.0
    return min(-0.04, 1.1 * low), 1.04


def bars(
    ax: Axes, series: Sequence[Series], positions: Sequence[np.ndarray], column: str
) -> Entries:
    """Draw one standard error to each side, where there was more than one draw."""
    shown = False
    for one, x in zip(series, positions, strict=True):
        if f"{column}_se" in one.rows.columns:
            value, error = one.numbers(column), one.numbers(f"{column}_se")
            shown |= draw_bars(ax, one.style.colour, x, value - error, value + error)
    return [bars_key("± standard error over draws")] if shown else []


def laws(
    ax: Axes,
    series: Sequence[Series],
    positions: Sequence[np.ndarray],
    column: str,
    names: dict[bool, str],
    *,
    by_stage: bool = False,
) -> Entries:
    """Draw each network's law within the axes that the points have set."""
    used: dict[str, None] = {}
    for one, x in zip(series, positions, strict=True):
        y = one.numbers(column)
        fits = np.isfinite(y) & (y > 0)
        if not fits.any():
            continue
        for part in _stages(one) if by_stage else [slice(None)]:
            ax.plot(
                x[part], np.where(fits, y, np.nan)[part], color=one.style.colour, linestyle=_LAW,
                linewidth=stroke(1.6), alpha=0.55, zorder=2.5,
            )  # fmt: skip
        used |= {names[bool(kind)]: None for kind in one.rows["normalised"][fits].unique()}
    return [
        (key(color=muted(), linestyle=_LAW, linewidth=stroke(1.6), alpha=0.7), name)
        for name in used
    ]


def _stages(one: Series) -> list[slice]:
    if "stage" not in one.rows.columns:
        return [slice(None)]
    stages = one.rows["stage"].to_list()
    starts = [i for i, stage in enumerate(stages) if i == 0 or stage != stages[i - 1]]
    return [slice(a, b) for a, b in zip(starts, [*starts[1:], len(stages)], strict=True)]
