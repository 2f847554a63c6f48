"""Singular values of the branches' Jacobians by depth and by rank, and the states' path."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from resprobe.figures.depth import depth_axis, draw_on_log_axis
from resprobe.figures.keys import Entries, bars_key, key, series_key
from resprobe.figures.legend import finish
from resprobe.figures.marks import draw_bars, draw_series
from resprobe.figures.series import Results, Series, gather, on_one_axis
from resprobe.figures.theme import ink, muted, stroke, theme

__all__ = [
    "geometry_panels",
    "plot_singular_values",
    "plot_spectrum",
    "plot_stream",
    "stream_panels",
]

FIGURES = {
    "sigma_1": "Largest singular value\nof the branch's Jacobian",
    "effective_rank": "Effective rank: participation\nratio of its squared singular values",
}


def geometry_panels(results: Results) -> list[Callable[..., Axes]]:  # noqa: ARG001
    """Return a panel for the largest singular value, and one for the effective rank."""
    return [partial(plot_singular_values, figure=figure) for figure in FIGURES]


def plot_singular_values(
    results: Results, ax: Axes, *, figure: str = "sigma_1", order: Sequence[str] = ()
) -> Axes:
    """Draw a figure of every block's Jacobian along the depth, on a logarithmic axis.

    Mean over images; bars are one standard error, open diamonds transitions. Networks of
    different depth share a relative axis.

    Parameters
    ----------
    results : Result or sequence of Result
        Named "geometry".
    ax : Axes
        Where to draw.
    figure : str
        ``sigma_1`` or ``effective_rank``.
    order : sequence of str
        Networks that keep the colour of their place here.

    Raises
    ------
    InputError
        If a result is no geometry result or is empty.
    """
    numbers = ("block", figure, f"{figure}_se")
    found = gather(results, name="geometry", numbers=numbers, texts=("kind",), order=order)
    series = _sorted(found)
    positions, relative = on_one_axis([one.numbers("block") for one in series])
    with theme():
        shading = depth_axis(ax, series, positions, relative=relative, what="block")
        entries = [series_key(one) for one in series]
        values = [one.numbers(figure) for one in series]
        entries += draw_on_log_axis(ax, series, positions, values)
        for one, x, y in zip(series, positions, values, strict=True):
            entries += _bars(ax, one, x, y, one.numbers(f"{figure}_se"))
        ax.set_ylabel(FIGURES[figure])
        finish(ax, entries + shading)
    return ax


def plot_spectrum(results: Results, ax: Axes, *, order: Sequence[str] = ()) -> Axes:
    """Draw the singular values over the largest one: their mean over blocks, and every block's.

    A dotted line stands behind as many values as the network has classes: residual alignment
    (property RA3) would have none beyond it.

    Parameters
    ----------
    results : Result or sequence of Result
        Named "geometry-values".
    ax : Axes
        Where to draw.
    order : sequence of str
        Networks that keep the colour of their place here.

    Raises
    ------
    InputError
        If a result is no such result or is empty.
    """
    numbers = ("block", "index", "value")
    series = gather(results, name="geometry-values", numbers=numbers, order=order)
    with theme():
        most = 1.0
        for one in series:
            table = one.rows.pivot(index="block", columns="index", values="value")
            first = table.iloc[:, [0]].to_numpy()
            with np.errstate(invalid="ignore", divide="ignore"):
                shares = np.where(first > 0, table.to_numpy() / first, np.nan)
            index = table.columns.to_numpy(dtype=float)
            most = max(most, float(index.max()))
            for row in shares:
                ax.plot(
                    index, row, color=one.style.colour, linewidth=stroke(0.5), alpha=0.25, zorder=2
                )
            if np.isfinite(shares).any():
                draw_series(ax, one, index, _mean_of_columns(shares))
        classes = {c for one in series if isinstance(c := one.facts.get("classes"), int)}
        entries: Entries = [series_key(one) for one in series]
        if len(classes) == 1 and (after := classes.pop()) < most:
            ax.axvline(after + 0.5, color=ink(), linewidth=stroke(0.8), linestyle=":", zorder=1.5)
            entries.append((key(linestyle=":", linewidth=stroke(0.8)), f"{after} classes"))
        entries.append((key(linestyle="-", linewidth=stroke(0.5), color=muted()), "single blocks"))
        ax.set_xlim(0.5, most + 0.5)
        ax.set_ylim(0, 1.05)
        ax.xaxis.set_major_locator(MaxNLocator(nbins=12, integer=True))
        ax.set_xlabel("Singular value, by size (1 is the largest)")
        ax.set_ylabel("Singular value over the\nblock's largest, mean over blocks")
        finish(ax, entries)
    return ax


STREAM = {
    "cosine": "Cosine of the block's step with\nthe whole way through its stage",
    "length": "Length of the block's step over\nthe mean of its stage",
}


def stream_panels(results: Results) -> list[Callable[..., Axes]]:  # noqa: ARG001
    """Return a panel for the direction of the steps, and one for their lengths."""
    return [partial(plot_stream, figure=figure) for figure in STREAM]


def plot_stream(
    results: Results, ax: Axes, *, figure: str = "cosine", order: Sequence[str] = ()
) -> Axes:
    """Draw how straight, or in how equal steps, the states of each stage go (property RA1).

    One point per identity block, joined within a stage, with one standard error over images; a
    dotted line is what steps at right angles, or equal steps, would give.

    Parameters
    ----------
    results : Result or sequence of Result
        Named "geometry-stream".
    ax : Axes
        Where to draw.
    figure : str
        ``cosine`` or ``length``.
    order : sequence of str
        Networks that keep the colour of their place here.

    Raises
    ------
    InputError
        If a result is no such result or is empty.
    """
    numbers = ("block", "chance", figure, f"{figure}_se")
    texts = ("stage",)
    series = _sorted(
        gather(results, name="geometry-stream", numbers=numbers, texts=texts, order=order)
    )
    positions, relative = on_one_axis([one.numbers("block") for one in series])
    with theme():
        bars: Entries = []
        for one, x in zip(series, positions, strict=True):
            stages = one.numbers("stage")
            y, errors = one.numbers(figure), one.numbers(f"{figure}_se")
            bars += _bars(ax, one, x, y, errors)
            for stage in np.unique(stages):
                at = stages == stage
                draw_series(ax, one, x[at], y[at])
                level = one.numbers("chance")[at] if figure == "cosine" else np.ones(at.sum())
                ax.plot(x[at], level, color=one.style.colour, linewidth=stroke(0.9), linestyle=":")
        shading = depth_axis(ax, series, positions, relative=relative, what="block")
        if figure == "cosine":
            lowest = float(np.nan_to_num(np.concatenate([o.numbers(figure) for o in series])).min())
            low = lowest - 0.05 if lowest < 0 else 0.0
            ax.set_ylim(low, 1.05)
        else:
            ax.set_ylim(bottom=0)
        ax.set_ylabel(STREAM[figure])
        reference = "steps at right angles" if figure == "cosine" else "equal steps"
        entries = [series_key(one) for one in series]
        entries.append((key(linestyle=":", linewidth=stroke(0.9)), reference))
        finish(ax, entries + bars + shading)
    return ax


def _sorted(series: Sequence[Series]) -> list[Series]:
    return [replace(one, rows=one.rows.sort_values("block", kind="stable")) for one in series]


def _mean_of_columns(values: np.ndarray) -> np.ndarray:
    """Return means without NaN; of nothing, NaN."""
    there = np.isfinite(values)
    counts = there.sum(0)
    sums = np.where(there, values, 0.0).sum(0)
    means: np.ndarray = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return means


def _bars(ax: Axes, one: Series, x: np.ndarray, y: np.ndarray, errors: np.ndarray) -> Entries:
    """Draw one standard error to each side; return the legend's entry of it."""
    there = draw_bars(ax, one.style.colour, x, y - errors, y + errors)
    return [bars_key("± standard error")] if there else []
