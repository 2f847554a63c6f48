"""How long the paths through a number of blocks are (Veit et al. 2016, Fig. 6a)."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from resprobe.errors import InputError
from resprobe.figures.marks import finish
from resprobe.figures.series import Results, listed
from resprobe.figures.theme import INK, drawn, theme

__all__ = ["plot_path_law"]


def plot_path_law(results: Results, ax: Axes, *, order: Sequence[str] = ()) -> Axes:  # noqa: ARG001
    """Draw the share of all paths that has each length, in percent; no network is needed.

    Parameters
    ----------
    results : Result or sequence of Result
        Named "path-law".
    ax : Axes
        Where to draw.
    order : sequence of str
        Not used.

    Raises
    ------
    InputError
        If a result is no such result or is empty.
    """
    for result in listed(results):
        if result.name != "path-law" or result.frame.empty:
            raise InputError("this figure draws a result named 'path-law' that has rows")
    with theme():
        for place, result in enumerate(listed(results)):
            frame = result.frame
            ax.bar(
                frame["length"],
                100 * frame["paths_share"],
                color=INK,
                alpha=0.75 / (1 + place),
                width=0.8,
                label=drawn(f"{len(frame) - 1} blocks"),
            )
        ax.set_xlabel("Branches on the path")
        ax.set_ylabel("Paths of this length (%)")
        ax.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True))
        ax.grid(visible=False, axis="x")
        handles, labels = ax.get_legend_handles_labels()
        finish(ax, list(zip(handles, labels, strict=True)))
    return ax
