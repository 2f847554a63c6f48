"""One measurement of blocks against another: a panel for each pair, networks told apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from resprobe.figures.provenance import add_footer
from resprobe.figures.series import Series, gather
from resprobe.figures.theme import PAGE, despine, theme
from resprobe.results import Result

__all__ = ["Panel", "scattered"]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """What one panel shows.

    Attributes
    ----------
    result : Result
        Its rows.
    x, y : str
        Columns; ``y`` is a fraction, drawn in percent.
    x_label, y_label : str
        Of the axes.
    title : str
        Above it.
    chosen : str
        A column of truth values: marks that are drawn large and open. None where it is empty.
    """

    result: Result
    x: str
    y: str
    x_label: str
    y_label: str
    title: str = ""
    chosen: str = ""


def scattered(panels: Sequence[Panel], *, small_print: Result) -> Figure:
    """Draw panels side by side, three in a row, with one legend above them."""
    columns = min(3, len(panels))
    lines = -(-len(panels) // columns)
    order = list(dict.fromkeys(small_print.frame["network"]))
    with theme():
        made = Figure(figsize=(PAGE, 0.6 + 2.5 * lines), layout="constrained")
        axes = list(made.subplots(lines, columns, squeeze=False).flat)
        known: dict[str, object] = {}
        for panel, ax in zip(panels, axes, strict=False):
            for series in _series(panel, order):
                known.setdefault(series.label, _marks(ax, series, panel))
            ax.axhline(0, color="black", linewidth=0.6, zorder=1)
            ax.set(xlabel=panel.x_label, ylabel=panel.y_label, title=panel.title)
            despine(ax)
        for spare in axes[len(panels) :]:
            spare.remove()
        made.legend(list(known.values()), list(known), loc="outside upper left", ncols=5)
        add_footer(made, small_print)
    return made


def _series(panel: Panel, order: Sequence[str]) -> list[Series]:
    return gather(panel.result, name=panel.result.name, numbers=(panel.x, panel.y), order=order)


def _marks(ax: Axes, series: Series, panel: Panel) -> object:
    """Draw the marks of one network; return the handle that the legend shows."""
    x, y = series.numbers(panel.x), 100 * series.numbers(panel.y)
    look = {"color": series.style.colour, "marker": series.style.marker, "linestyle": "none"}
    (handle,) = ax.plot(x, y, markersize=3.2, alpha=0.75, **look)
    if panel.chosen:
        some = series.rows[panel.chosen].to_numpy(bool)
        ax.plot(x[some], y[some], markersize=9, markerfacecolor="none", markeredgewidth=1.3, **look)
    return handle
