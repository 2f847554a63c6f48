"""How every figure looks: colours, markers and line styles that also tell apart in grey.

The one place where seaborn is called. Nothing here changes matplotlib's settings for
longer than the ``with`` block of :func:`theme`.
"""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import seaborn as sns
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.font_manager import FontProperties

from resprobe.figures.look import overrides

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
    "faint",
    "ink",
    "muted",
    "paper",
    "points",
    "points_of",
    "settings",
    "short_text",
    "stroke",
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


_FONT, _LINE = 8.0, 1.1  # points
_LABELS = {  # points, at the usual size of the font
    "axes.labelsize": 8.0,
    "axes.titlesize": 8.0,
    "legend.fontsize": 7.0,
    "legend.title_fontsize": 7.5,
    "xtick.labelsize": 7.0,
    "ytick.labelsize": 7.0,
}
_DASHED = {"-": (), "--": (3.7, 1.6), "-.": (6.4, 1.6, 1.0, 1.6), ":": (1.0, 1.65)}


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
    cycle = settings()["axes.prop_cycle"].by_key()
    colours, markers = cycle.get("color", COLOURS), cycle.get("marker", _MARKERS)
    dashes = [_DASHED.get(line, line) for line in cycle.get("linestyle", _DASHES)]
    look = dashes[index % len(dashes)]
    return Style(
        to_hex(colours[index % len(colours)]),
        markers[index % len(markers)],
        look if isinstance(look, tuple) else (),
    )


@contextmanager
def theme() -> Iterator[None]:
    """Use the settings of these figures inside the block, and the reader's own after it."""
    with mpl.rc_context(dict(settings())):
        yield


def settings() -> Mapping[Any, Any]:
    """Return the settings of these figures, those of :func:`resprobe.figures.styled` over them."""
    over = overrides()
    larger = float(over.get("font.size", _FONT)) / _FONT
    return {**_usual(), **{name: size * larger for name, size in _LABELS.items()}, **over}


def ink() -> str:
    """Return the colour of text, and of what belongs to no network."""
    return to_hex(settings()["text.color"])


def paper() -> str:
    """Return the colour of the ground that is drawn on."""
    return to_hex(settings()["axes.facecolor"])


def muted() -> str:
    """Return the colour of what stands back, between ink and paper."""
    return _between(0.25)


def faint() -> str:
    """Return the colour of what could not be measured, nearly that of paper."""
    return _between(0.876)


def points(size: float) -> float:
    """Return the size of a text that has ``size`` points where the font has its usual size."""
    return size * float(settings()["font.size"]) / _FONT


def points_of(name: str) -> float:
    """Return what a setting of matplotlib says of the size of a text, in points."""
    size = settings()[name]
    if isinstance(size, int | float):
        return float(size)
    with theme():
        return float(FontProperties(size=size).get_size_in_points())


def stroke(width: float) -> float:
    """Return the width of a line that has ``width`` points where lines have their usual width."""
    return width * float(settings()["lines.linewidth"]) / _LINE


def _between(share: float) -> str:
    """Mix ink with so much paper."""
    first, second = (to_rgb(colour) for colour in (ink(), paper()))
    red, green, blue = ((1 - share) * a + share * b for a, b in zip(first, second, strict=True))
    return to_hex((red, green, blue))


@functools.cache
def _usual() -> dict[Any, Any]:
    return {
        **sns.plotting_context("paper", font_scale=0.82),
        **sns.axes_style("ticks"),
        "axes.edgecolor": INK,
        "axes.facecolor": PAPER,
        "axes.grid": True,
        "axes.grid.axis": "y",
        "axes.labelcolor": INK,
        "axes.linewidth": 0.7,
        "axes.prop_cycle": cycler(color=COLOURS),
        "axes.unicode_minus": True,
        "figure.facecolor": PAPER,
        "font.size": _FONT,
        # the font that matplotlib brings along, so that a layout is the same everywhere
        "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "Helvetica"],
        "grid.color": RULE,
        "grid.linewidth": 0.5,
        "legend.frameon": False,
        "lines.linewidth": _LINE,
        "lines.markersize": 4.0,
        "pdf.fonttype": 42,
        "savefig.bbox": "standard",
        "savefig.dpi": 200,
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
    most = max(20, int(width * 72 / (0.56 * points)))
    return "\n".join(textwrap.wrap(text, most, break_on_hyphens=False))
