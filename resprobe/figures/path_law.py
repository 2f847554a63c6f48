"""How long the paths through a number of blocks are (Veit et al. 2016, Fig. 6a)."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from resprobe.figures.keys import Entries, series_key
from resprobe.figures.legend import finish
from resprobe.figures.marks import draw_series
from resprobe.figures.series import Results, Series, checked, listed
from resprobe.figures.theme import muted, style, theme

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
    every = [
        checked(result, name="path-law", numbers=("length", "paths_share"))
        for result in listed(results)
    ]
    with theme():
        entries: Entries = []
        for place, frame in enumerate(every):
            shown = Series("", f"{len(frame) - 1} blocks", frame, style(place))
            if len(every) == 1:
                ax.bar(frame["length"], 100 * frame["paths_share"], color=muted(), width=0.8)
                continue
            draw_series(ax, shown, shown.numbers("length"), 100 * shown.numbers("paths_share"))
            entries.append(series_key(shown))
        ax.set_xlabel("Branches on the path")
        ax.set_ylabel("Paths of this length (%)")
        ax.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True))
        ax.grid(visible=False, axis="x")
        ax.set_ylim(bottom=0)
        finish(ax, entries, title=f"{len(every[0]) - 1} blocks" if len(every) == 1 else "")
    return ax
