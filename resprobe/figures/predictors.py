"""Size and gradient of every branch against what deleting it costs, and how they correlate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from resprobe.figures.keys import SHARED, Entries, key, transition_key
from resprobe.figures.legend import finish
from resprobe.figures.series import Results, Series, gather
from resprobe.figures.theme import ink, paper, stroke, theme

__all__ = ["plot_correlations", "plot_predictors", "predictors_panels"]

PREDICTORS = {
    "ratio": "Size of the branch,\n‖F(x)‖ / ‖s(x)‖",
    "residual_share": "Share of the gradient\nthrough the branch",
    "cosine": "Cosine of the gradient's\ntwo parts",
}
DAMAGE = "loss_rise"
_NAMES = {
    "ratio": "size",
    "residual_share": "gradient share",
    "cosine": "cosine",
    "error_rise": "error",
    "loss_rise": "loss",
}


def predictors_panels(results: Results) -> list[Callable[..., Axes]]:  # noqa: ARG001
    """Return a panel for each predictor; only the first names the networks."""
    return [
        partial(plot_predictors, predictor=name, bare=number > 0)
        for number, name in enumerate(PREDICTORS)
    ]


def plot_predictors(
    results: Results,
    ax: Axes,
    *,
    predictor: str = "ratio",
    bare: bool = False,
    order: Sequence[str] = (),
) -> Axes:
    """Draw the rise of the loss after deleting each block against one predictor of it.

    Each mark is a block, transitions open diamonds; bars are one standard error. The axis of
    the loss is linear around 0 and logarithmic beyond.

    Parameters
    ----------
    results : Result or sequence of Result
        Named "predictors".
    ax : Axes
        Where to draw.
    predictor : str
        A column: ratio, residual_share or cosine.
    bare : bool
        Whether the legend is left to another panel.
    order : sequence of str
        Networks that keep the colour of their place here.

    Raises
    ------
    InputError
        If a result is no predictors result or is empty.
    """
    columns = (predictor, f"{predictor}_se", DAMAGE, f"{DAMAGE}_se")
    series = gather(results, name="predictors", numbers=columns, texts=("kind",), order=order)
    with theme():
        for one in series:
            _scatter(ax, one, predictor)
        ax.axhline(0, color=ink(), linewidth=stroke(0.6), zorder=1)
        _loss_axis(ax, series)
        ax.set_xlabel(PREDICTORS[predictor])
        ax.xaxis.set_major_locator(MaxNLocator(nbins=5))
        ax.set_ylabel("Rise of the loss after\nthe deletion (nats per image)")
        entries: Entries = []
        if not bare:
            entries = [_key_of_marks(one) for one in series]
            entries += _key_of_transitions(series)
        finish(ax, entries)
    return ax


def plot_correlations(results: Results, ax: Axes, *, order: Sequence[str] = ()) -> Axes:
    """Draw Spearman's correlation of each predictor with error and loss, over all blocks.

    Thin bars are the 95 % interval that takes the blocks as a sample, thick ones the middle
    95 % when other image sets are drawn. Open marks are identity blocks alone.

    Parameters
    ----------
    results : Result or sequence of Result
        Named "predictors-correlations".
    ax : Axes
        Where to draw.
    order : sequence of str
        Networks that keep the colour of their place here.

    Raises
    ------
    InputError
        If a result is no such result or is empty.
    """
    columns = ("estimate", "low", "high", "resampled_low", "resampled_high")
    texts = ("predictor", "damage", "blocks", "method")
    series = gather(
        results, name="predictors-correlations", numbers=columns, texts=texts, order=order
    )
    pairs = [(damage, name) for damage in ("error_rise", "loss_rise") for name in PREDICTORS]
    with theme():
        for place, one in enumerate(series):
            for filled in (True, False):
                lane = 2 * place + (not filled) - (2 * len(series) - 1) / 2
                _intervals(ax, one, pairs, shift=0.8 * lane / (2 * len(series)), filled=filled)
        ax.axvline(0, color=ink(), linewidth=stroke(0.6), zorder=1)
        ax.set_xlim(-1.02, 1.02)
        ax.set_ylim(len(pairs) - 0.5, -0.5)
        ax.set_yticks(range(len(pairs)), [f"{_NAMES[n]}, {_NAMES[d]}" for d, n in pairs])
        ax.set_xlabel("Rank correlation over blocks (Spearman)")
        ax.grid(visible=True, axis="x")
        ax.grid(visible=False, axis="y")
        finish(
            ax,
            [
                *(_key_of_marks(one) for one in series),
                (key(marker="o", markersize=4, markerfacecolor=paper()), "identity blocks alone"),
                (key(linestyle="-", linewidth=stroke(0.8)), "95 %, blocks as a sample"),
                (key(linestyle="-", linewidth=stroke(2.6)), "95 %, other images"),
            ],
        )
    return ax


def _scatter(ax: Axes, series: Series, predictor: str) -> None:
    x, y = series.numbers(predictor), series.numbers(DAMAGE)
    x_error, y_error = series.numbers(f"{predictor}_se"), series.numbers(f"{DAMAGE}_se")
    transition = (series.rows["kind"] == "transition").to_numpy(dtype=bool)
    for chosen, marker, size, face in (
        (~transition, series.style.marker, 3.2, series.style.colour),
        (transition, "D", 4.6, paper()),
    ):
        ax.errorbar(
            x[chosen],
            y[chosen],
            xerr=x_error[chosen],
            yerr=y_error[chosen],
            color=series.style.colour,
            linestyle="none",
            marker=marker,
            markersize=size,
            markerfacecolor=face,
            markeredgewidth=0.9,
            elinewidth=stroke(0.7),
            zorder=3,
        )


def _loss_axis(ax: Axes, series: Sequence[Series]) -> None:
    rises = np.concatenate([one.numbers(DAMAGE) for one in series])
    sizes = np.abs(rises[np.isfinite(rises) & (rises != 0)])
    if not len(sizes) or sizes.max() < 20 * np.median(sizes):
        return
    # a decade that holds the smaller half of the marks is linear
    ax.set_yscale("symlog", linthresh=10.0 ** np.round(np.log10(np.median(sizes))), linscale=0.7)
    ax.margins(y=0.08)


def _key_of_transitions(series: Sequence[Series]) -> Entries:
    there = any((one.rows["kind"] == "transition").any() for one in series)
    return [transition_key()] if there else []


def _key_of_marks(one: Series) -> tuple[Artist, str]:
    look = one.style
    return key(color=look.colour, marker=look.marker, markersize=4, gid=SHARED), one.label


def _intervals(
    ax: Axes, series: Series, pairs: Sequence[tuple[str, str]], *, shift: float, filled: bool
) -> None:
    rows = series.rows[series.rows["method"] == "spearman"]
    rows = rows[rows["blocks"] == ("all" if filled else "identity")]
    found = rows.set_index(["damage", "predictor"]).reindex(pd.MultiIndex.from_tuples(pairs))
    y, colour = np.arange(len(pairs)) + shift, series.style.colour
    ax.hlines(y, found["low"], found["high"], colors=colour, linewidths=stroke(0.8), zorder=2)
    ax.hlines(
        y, found["resampled_low"], found["resampled_high"], colors=colour, linewidths=stroke(2.6),
        alpha=0.45, zorder=2.5,
    )  # fmt: skip
    ax.plot(
        found["estimate"],
        y,
        color=colour,
        linestyle="none",
        marker=series.style.marker,
        markersize=4,
        markerfacecolor=colour if filled else paper(),
        markeredgewidth=0.9,
        zorder=3,
    )
