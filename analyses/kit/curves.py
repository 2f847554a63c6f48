"""The figure of networks that were trained alike: their epochs, and how far apart they end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from kit.comparisons import Pair
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from resprobe.figures.provenance import add_footer
from resprobe.figures.theme import COLOURS, INK, MUTED, PAGE, despine, style, theme
from resprobe.results import Result

__all__ = ["ERROR", "LOSS", "Curve", "Shown", "curves", "draw_curve", "settled"]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A column that is drawn over the epochs."""

    column: str
    label: str
    scale: float = 1.0
    log: bool = False


LOSS = Curve(column="train_loss", label="Training loss (nats)")
ERROR = Curve(column="test_error", label="Test error (%)", scale=100)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A difference that is drawn: in points, where the figures are fractions.

    Attributes
    ----------
    pair : Pair
        What is compared.
    label : str
        Of its row.
    published : float
        What was published, as a fraction; NaN where nothing was.
    """

    pair: Pair
    label: str
    published: float = math.nan


def curves(
    epochs: Result,
    runs: pd.DataFrame,
    shown: Sequence[Shown],
    *,
    drawn: Sequence[Curve],
    measured: str,
) -> Figure:
    """Draw columns over the epochs, and the differences at the end, which ``measured`` names.

    Thick lines are means over the seeds, which are the faint lines; a difference has its 95 % t
    interval and the seeds as points.
    """
    with theme():
        made = Figure(figsize=(PAGE, 3.1), layout="constrained")
        *axes, last = made.subplots(1, len(drawn) + 1)
        for ax, curve in zip(axes, drawn, strict=True):
            draw_curve(ax, epochs.frame, curve)
        _differences(last, runs, shown)
        last.set_xlabel(f"{measured}\n(points)")
        keys = [ax.get_legend_handles_labels() for ax in (axes[0], last)]
        lines, names = (first + second for first, second in zip(*keys, strict=True))
        made.legend(lines, names, loc="outside upper left", ncols=4, fontsize=7, frameon=False)
        return settled(made, epochs)


def settled(made: Figure, result: Result) -> Figure:
    """Write the small print below a figure, and let its layout adapt no more."""
    add_footer(made, result)
    engine = made.get_layout_engine()
    assert engine is not None, "a figure with a layout that adapts"
    for _ in range(2):
        engine.execute(made)
    made.set_layout_engine("none")
    return made


def draw_curve(ax: Axes, frame: pd.DataFrame, curve: Curve) -> None:
    """Draw a column over the epochs, each network in its own look."""
    for place, (name, rows) in enumerate(frame.groupby("name", sort=False)):
        look = style(place)
        by_epoch = rows.pivot_table(index="epoch", columns="seed", values=curve.column)
        values = curve.scale * by_epoch
        for seed in values if len(values.columns) > 1 else ():
            ax.plot(values.index, values[seed], color=look.colour, linewidth=0.6, alpha=0.4)
        mean = values.mean(axis=1, skipna=False)
        ax.plot(
            mean.index, mean, color=look.colour, marker=look.marker, markersize=3.5, linewidth=1.6,
            label=f"{name} (n = {len(values.columns)})",
        )  # fmt: skip
    ax.set(xlabel="Epoch", ylabel=curve.label)
    if curve.log:
        ax.set_yscale("log")
    else:
        ax.set_ylim(0, 1.05 * curve.scale * frame[curve.column].max())
    ax.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
    despine(ax)


def _differences(ax: Axes, runs: pd.DataFrame, shown: Sequence[Shown]) -> None:
    for place, one in enumerate(shown):
        values, found = one.pair.values(runs), one.pair.spread(runs)
        ax.plot([100 * value for value in values], [place] * len(values), "o", color=COLOURS[0],
                markersize=3, alpha=0.4, label="a seed" if place == 0 else None)  # fmt: skip
        if found.n > 1:
            ax.plot([100 * found.low, 100 * found.high], [place] * 2, color=INK, linewidth=1.2)
        if found.n:
            ax.plot(100 * found.mean, place, "s", color=INK, markersize=4.5,
                    label="mean, 95 % interval" if place == 0 else None)  # fmt: skip
        if not math.isnan(one.published):
            ax.plot(100 * one.published, place - 0.22, "v", color=COLOURS[1], markersize=4.5,
                    label="published" if place == 0 else None)  # fmt: skip
    ax.axvline(0, color=MUTED, linewidth=0.8, linestyle=":")
    ax.set_yticks(range(len(shown)), [one.label for one in shown], fontsize=7)
    ax.set_ylim(len(shown) - 0.4, -0.8)
    ax.grid(visible=False, axis="y")
    despine(ax)
