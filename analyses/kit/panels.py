"""Figures of kinds of results that only one script has, in the look of all others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from resprobe.figures.provenance import add_footer
from resprobe.figures.theme import COLOURS, PAGE, despine, theme
from resprobe.results import Result

__all__ = ["COLOURS", "dots", "law", "sheet"]

MARKERS = "os^vPp<"


@contextmanager
def sheet(
    result: Result, panels: int = 1, *, width: float = PAGE, height: float = 3.6, columns: int = 2
) -> Iterator[tuple[Figure, list[Axes]]]:
    """Give a figure with so many panels side by side; then add legends and small print.

    Parameters
    ----------
    result : Result
        What the small print speaks of.
    panels, columns : int
        Of the figure, and of the legend above each panel.
    width, height : float
        Inches.
    """
    with theme():
        made = Figure(figsize=(width, height), layout="constrained")
        axes = list(made.subplots(1, panels, squeeze=False).flat)
        yield made, axes
        for ax in axes:
            despine(ax)
            if ax.get_legend_handles_labels()[1]:
                ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=columns,
                          borderaxespad=0.6, handlelength=2.6)  # fmt: skip
        add_footer(made, result)


def dots(
    ax: Axes,
    place: int,
    x: Sequence[float],
    y: Sequence[float],
    *,
    ends: tuple[Sequence[float], Sequence[float]] | None = None,
    **more: Any,
) -> None:
    """Draw measured numbers: markers of the colour of a place, with intervals where there are."""
    bars = None
    if ends is not None:
        bars = [[m - a for m, a in zip(y, ends[0], strict=True)],
                [b - m for m, b in zip(y, ends[1], strict=True)]]  # fmt: skip
    look: dict[str, Any] = {"marker": MARKERS[place], "markersize": 3.8, "elinewidth": 0.9}
    ax.errorbar(x, y, yerr=bars, color=COLOURS[place], **{**look, **more})


def law(
    ax: Axes, x: Sequence[float], y: Sequence[float], *, label: str = "", colour: str = "#5c5c5c"
) -> None:
    """Draw what theory says, dashed."""
    ax.plot(x, y, color=colour, linewidth=1.6, linestyle=(0, (4, 1.5)), alpha=0.6,
            label=label or None)  # fmt: skip
