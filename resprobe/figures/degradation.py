"""Training and test error of shallow and deep networks (He et al. 2015, Figs. 1 and 6)."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from resprobe.errors import InputError
from resprobe.figures.keys import Entries, key, open_key, solid_key
from resprobe.figures.legend import finish
from resprobe.figures.series import Results, Series, error_limit, gather, listed
from resprobe.figures.theme import Style, drawn, paper, stroke, style, theme

__all__ = ["families", "plot_degradation"]

NUMBERS = ("depth", "seed", "epoch", "train_error", "test_error")
_DASHED = (0.0, (3, 1.5))
_CURVES = (("train_error", False), ("test_error", True))


def families(results: Results) -> list[bool]:
    """Return which families there are to draw: False the plain, True the residual networks."""
    every = gather(results, name="degradation", numbers=NUMBERS, texts=("plain",))
    return sorted({_is_residual(one) for one in every})


def plot_degradation(
    results: Results, ax: Axes, *, residual: bool = False, order: Sequence[str] = ()
) -> Axes:
    """Draw the errors of the plain or of the residual networks, in percent, per epoch.

    Thin dashed lines are the training error, bold lines the test error, each the mean over the
    seeds, which are the faint lines. Depths look alike in both families, and the axes end at
    the same error.

    Parameters
    ----------
    results : Result or sequence of Result
        Named "degradation": a row per network, seed and epoch, with its ``depth`` and whether
        it is ``plain``.
    ax : Axes
        Where to draw.
    residual : bool
        Which family.
    order : sequence of str
        Not used: it is the depth that says how a network looks.

    Raises
    ------
    InputError
        If a result is no such result, or has no network of the family.

    References
    ----------
    He et al. 2015, Figs. 1 and 6.
    """
    every = gather(results, name="degradation", numbers=NUMBERS, texts=("plain",), order=order)
    shown = [one for one in every if _is_residual(one) is residual]
    if not shown:
        family = "residual" if residual else "plain"
        raise InputError(f"the result has no {family} network to draw; it has {_names(results)}")
    depths = sorted({_depth(one) for one in every})
    with theme():
        entries: Entries = []
        for one in sorted(shown, key=_depth):
            look = style(depths.index(_depth(one)))
            _draw(ax, one, look)
            seeds = one.rows["seed"].nunique()
            name = key(color=look.colour, linestyle="-", marker=look.marker)
            entries.append((name, f"{_label(one, every)} (n = {seeds})"))
        ax.set_xlabel("Epoch")
        ax.set_ylabel("Error (%)")
        ax.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True, min_n_ticks=1))
        ax.grid(visible=False, axis="x")
        ax.set_ylim(0, error_limit(every, [column for column, _ in _CURVES]))
        finish(ax, [*entries, *_curve_keys()])
    return ax


def _names(results: Results) -> str:
    return ", ".join(str(name) for one in listed(results) for name in one.frame["network"].unique())


def _is_residual(series: Series) -> bool:
    return not bool(series.rows["plain"].iloc[0])


def _label(series: Series, every: Sequence[Series]) -> str:
    """Return the name alone where the networks differ in it: the setting is said elsewhere."""
    names = [one.label.partition(":")[0] for one in every]
    name = series.label.partition(":")[0]
    return name if names.count(name) == 1 else series.label


def _depth(series: Series) -> int:
    return int(series.rows["depth"].iloc[0])


def _draw(ax: Axes, series: Series, look: Style) -> None:
    for column, is_test in _CURVES:
        runs = _by_epoch(series, column)
        for seed in runs.columns if len(runs.columns) > 1 else ():
            ax.plot(
                runs.index,
                runs[seed],
                color=look.colour,
                linestyle="-" if is_test else _DASHED,
                linewidth=stroke(0.6),
                alpha=0.35,
                label=drawn(f"_{series.label} {column} seed {seed:g}"),
                zorder=2.5,
            )
        mean = runs.mean(axis=1, skipna=False)
        ax.plot(
            mean.index,
            mean,
            color=look.colour,
            linestyle="-" if is_test else _DASHED,
            linewidth=stroke(1.8 if is_test else 0.9),
            marker=look.marker,
            markersize=4.0 if is_test else 3.0,
            markerfacecolor=look.colour if is_test else paper(),
            markeredgewidth=0.8,
            markevery=max(1, len(mean) // 12),
            label=drawn(f"{series.label} {column}"),
            zorder=3 if is_test else 2.8,
        )


def _by_epoch(series: Series, column: str) -> pd.DataFrame:
    """Return percent, a row per epoch and a column per seed; NaN where a seed has no such epoch."""
    rows = series.rows.astype({"epoch": int, column: float})
    return 100 * rows.pivot_table(index="epoch", columns="seed", values=column, dropna=False)


def _curve_keys() -> Entries:
    bold = solid_key(linewidth=stroke(1.8))
    thin = open_key(linestyle=_DASHED, linewidth=stroke(0.9), markersize=3)
    return [(bold, "test"), (thin, "training")]
