"""The handles and labels of legends: networks, transitions, bars, points that are lost."""

from __future__ import annotations

from collections.abc import Iterable

from matplotlib.artist import Artist
from matplotlib.lines import Line2D

from resprobe.figures.series import Series
from resprobe.figures.theme import ink, paper

__all__ = [
    "DOTTED",
    "Entries",
    "SHARED",
    "bars_key",
    "key",
    "lost_key",
    "once",
    "open_key",
    "series_key",
    "solid_key",
    "transition_key",
]

Entries = list[tuple[Artist, str]]
"""The legend's handles and labels, in order."""

DOTTED = (0.0, (1, 1.5))
"""The line style of a network's second curve, whose marks are open."""

SHARED = "shared"
"""The ``gid`` of legend handles that speak for all panels of a figure, wherever they stand."""


def key(**look: object) -> Line2D:
    """Return a legend handle in the ink of the page unless ``look`` says otherwise."""
    return Line2D([], [], **{"color": ink(), "linestyle": "none", **look})  # type: ignore[arg-type]


def solid_key(**look: object) -> Line2D:
    """Return the legend handle of curves with filled marks."""
    return key(**{"linestyle": "-", "marker": "o", "markersize": 4.0, **look})


def open_key(**look: object) -> Line2D:
    """Return the legend handle of curves with open marks."""
    return solid_key(**{"linestyle": DOTTED, "markerfacecolor": paper(), **look})


def series_key(series: Series) -> tuple[Artist, str]:
    """Return the legend's handle and label of one network."""
    look = series.style
    return key(
        color=look.colour, linestyle=look.linestyle, marker=look.marker, markersize=4.0, gid=SHARED
    ), series.label


def transition_key(
    what: str = "transition", *, size: float = 4.6, filled: bool = False
) -> tuple[Line2D, str]:
    """Return the legend's entry of the diamonds."""
    face = ink() if filled else paper()
    look = {"markerfacecolor": face, "markersize": size, "markeredgewidth": 0.9}
    return key(marker="D", gid=SHARED, **look), what


def bars_key(what: str) -> tuple[Line2D, str]:
    """Return the legend's entry of bars."""
    return key(marker="|", markersize=8, markeredgewidth=1.1), what


def lost_key(what: str = "not finite") -> tuple[Line2D, str]:
    """Return the legend's entry of the crosses at the edge."""
    return key(marker="x", markersize=4.5, markeredgewidth=1.1), what


def once(entries: Iterable[tuple[Artist, str]]) -> Entries:
    """Keep the first entry of each label.

    Examples
    --------
    >>> [label for _, label in once([(key(), "a"), (key(), "b"), (key(), "a")])]
    ['a', 'b']
    """
    first: dict[str, tuple[Artist, str]] = {}
    for handle, label in entries:
        first.setdefault(label, (handle, label))
    return list(first.values())
