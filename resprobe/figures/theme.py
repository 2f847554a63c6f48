"""How every figure looks: colours, markers and line styles that also tell apart in grey.

The one place where seaborn is called. Nothing here changes matplotlib's settings for
longer than the ``with`` block of :func:`theme`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import seaborn as sns
from matplotlib.axes import Axes

__all__ = [
    "COLOURS",
    "COLUMN",
    "INK",
    "MUTED",
    "PAGE",
    "PAPER",
    "RULE",
    "Style",
    "despine",
    "drawn",
    "short_text",
    "style",
    "theme",
    "wrapped",
]

COLUMN, PAGE = 3.5, 7.0  # inches: one column of a journal page, and its full width
INK, MUTED, RULE, PAPER = "#262626", "#5c5c5c", "#d9d9d9", "#ffffff"

# Okabe and Ito, "Color Universal Design", 2008; without the yellow (too light for a line
# on white) and the black (kept for what belongs to no network).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_MARKERS = ("o", "s", "^", "v", "P", "p", "<")  # the diamond is kept for transitions
_DASHES = ((), (7, 1.5), (6, 1.5, 1, 1.5), (3, 1, 1, 1, 1, 1), (10, 2))


@dataclass(frozen=True)
class Style:
    """What tells one network from another: a colour, a marker and a line style together."""

    colour: str
    marker: str
    dashes: tuple[float, ...]

    @property
    def linestyle(self) -> str | tuple[float, tuple[float, ...]]:
        """The dashes in the form that matplotlib takes; no dashes are a solid line."""
        return (0.0, self.dashes) if self.dashes else "-"


def style(index: int) -> Style:
    """Return the style of the network at ``index``; the first 210 differ from one another.

    Examples
    --------
    >>> style(0).colour, style(1).marker
    ('#0072b2', 's')
    >>> len({style(i) for i in range(210)})
    210
    """
    return Style(
        COLOURS[index % len(COLOURS)],
        _MARKERS[index % len(_MARKERS)],
        _DASHES[index % len(_DASHES)],
    )


@contextmanager
def theme() -> Iterator[None]:
    """Use the settings of these figures inside the block, and the reader's own after it."""
    with mpl.rc_context(_settings()):
        yield


def _settings() -> dict[Any, Any]:
    return {
        **sns.plotting_context("paper", font_scale=0.82),
        **sns.axes_style("ticks"),
        "axes.edgecolor": INK,
        "axes.facecolor": PAPER,
        "axes.grid": True,
        "axes.grid.axis": "y",
        "axes.labelcolor": INK,
        "axes.linewidth": 0.7,
        "axes.unicode_minus": True,
        "figure.facecolor": PAPER,
        # the font that matplotlib brings along, so that a layout is the same everywhere
        "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "Helvetica"],
        "grid.color": RULE,
        "grid.linewidth": 0.5,
        "legend.frameon": False,
        "lines.linewidth": 1.1,
        "lines.markersize": 4.0,
        "pdf.fonttype": 42,
        "savefig.bbox": "standard",
        "svg.fonttype": "none",
        "text.color": INK,
        "text.usetex": False,
        "xtick.color": INK,
        "xtick.major.size": 3.0,
        "xtick.major.width": 0.7,
        "xtick.minor.size": 1.8,
        "xtick.minor.width": 0.5,
        "ytick.color": INK,
        "ytick.major.size": 3.0,
        "ytick.major.width": 0.7,
        "ytick.minor.size": 1.8,
        "ytick.minor.width": 0.5,
    }


def despine(ax: Axes) -> None:
    """Take away the frame's upper and right line."""
    sns.despine(ax=ax)


def short_text(text: object, *, limit: int = 40) -> str:
    """Bound any text to one line: no control characters, no more than ``limit`` letters.

    A long text keeps its beginning and its end, where names differ most.

    Examples
    --------
    >>> short_text("a" * 50 + ".pt", limit=11)
    'aaaaa…aa.pt'
    """
    shown = "".join(letter if letter.isprintable() else " " for letter in str(text)).strip()
    if len(shown) > limit:
        head = limit // 2
        shown = shown[:head] + "…" + shown[head + 1 - limit :]
    return shown or "(no name)"


def drawn(text: str) -> str:
    r"""Keep matplotlib from reading mathematics into a text.

    Examples
    --------
    >>> print(drawn("cost $x^2$"))
    cost \$x^2\$
    """
    return text.replace("$", r"\$")


def wrapped(text: str, *, width: float, points: float) -> str:
    """Break ``text`` into lines that fit ``width`` inches at a font of ``points``."""
    return "\n".join(textwrap.wrap(text, max(20, int(width * 72 / (0.56 * points)))))
