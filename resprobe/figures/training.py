"""Training and validation error over the epochs (He et al. 2015, Figs. 4 and 6)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from resprobe.figures.keys import Entries, key, open_key
from resprobe.figures.legend import finish
from resprobe.figures.series import Results, Series, error_limit, gather
from resprobe.figures.theme import drawn, paper, stroke, theme

__all__ = ["plot_training"]

NUMBERS = ("epoch", "train_error", "validation_error")


def plot_training(results: Results, ax: Axes, *, order: Sequence[str] = ()) -> Axes:
    """Draw the error on the training and the validation images, in percent, per epoch.

    Thin dotted lines are the training error, thick lines the validation error. A network
    without validation figures shows its training error alone.

    Parameters
    ----------
    results : Result or sequence of Result
        Named "train", one per network or several networks in one frame.
    ax : Axes
        Where to draw.
    order : sequence of str
        Networks that keep the colour of their place here.

    Raises
    ------
    InputError
        If a result is no train result or is empty.
    """
    series = gather(results, name="train", numbers=NUMBERS, order=order)
    with theme():
        for one in series:
            _draw(ax, one)
        ax.set_xlabel("Epoch")
        ax.set_ylabel("Error (%)")
        ax.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True, min_n_ticks=1))
        ax.grid(visible=False, axis="x")
        ax.set_ylim(0, error_limit(series, NUMBERS[1:]))
        finish(ax, _legend(series))
    return ax


def _draw(ax: Axes, series: Series) -> None:
    epoch, look = series.numbers("epoch"), series.style
    every = max(1, len(epoch) // 12)
    for column, is_validation in (("train_error", False), ("validation_error", True)):
        error = 100 * series.numbers(column)
        if np.isnan(error).all():
            continue
        ax.plot(
            epoch,
            error,
            color=look.colour,
            linestyle=look.linestyle if is_validation else (0.0, (1, 1.5)),
            linewidth=stroke(1.5 if is_validation else 0.9),
            marker=look.marker,
            markersize=4.0 if is_validation else 3.0,
            markerfacecolor=look.colour if is_validation else paper(),
            markeredgewidth=0.8,
            markevery=every,
            label=drawn(f"{series.label} {column}"),
            zorder=3 if is_validation else 2.8,
        )


def _legend(series: Sequence[Series]) -> Entries:
    entries: Entries = [
        (key(color=s.style.colour, linestyle=s.style.linestyle, marker=s.style.marker), s.label)
        for s in series
    ]
    if any(np.isfinite(s.numbers("validation_error")).any() for s in series):
        entries.append((key(linestyle="-", linewidth=stroke(1.5), marker="o"), "validation"))
    thin = open_key(linewidth=stroke(0.9), markersize=3)
    return [*entries, (thin, "training")]
