"""Small charts as SVG text, drawn in a millisecond: for what has to follow a click at once.

A figure for a page is what :mod:`resprobe.figures` makes of a result; these say what is on the
screen now, in the colours of the page around them (see :mod:`resprobe.notebook.markup`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["Plane", "ticks"]

INK, MUTED, RULE = "var(--ink, #262626)", "var(--muted, #5c5c5c)", "var(--rule, #d9d9d9)"


def ticks(high: float, *, most: int = 5) -> list[float]:
    """Return round numbers from 0 to ``high``.

    Examples
    --------
    >>> ticks(1.3), ticks(54), ticks(0)
    ([0.0, 0.5, 1.0], [0.0, 20.0, 40.0], [0.0])
    """
    if not high > 0 or not math.isfinite(high):
        return [0.0]
    decade = 10.0 ** math.floor(math.log10(high / most))
    step = next(m * decade for m in (1, 2, 5, 10, 20) if m * decade * most >= high)
    return [round(step * i, 12) for i in range(int(high / step + 1e-9) + 1)]


@dataclass(frozen=True)
class Plane:
    """A pair of axes; x and y are numbers, and what is returned is SVG text.

    Attributes
    ----------
    x_low, x_high, y_high : float
        What is shown; y begins at 0.
    width, height : int
        Pixels.
    """

    x_low: float
    x_high: float
    y_high: float
    width: int = 340
    height: int = 190
    left: int = 44
    top: int = 12
    bottom: int = 34

    def x(self, value: float) -> float:
        """Return where a value lies, in pixels."""
        span = self.x_high - self.x_low
        return self.left + (value - self.x_low) / span * (self.width - self.left - 8)

    def y(self, value: float) -> float:
        """Return where a value lies, in pixels; what is too high lies at the upper edge."""
        share = min(value / self.y_high, 1.0) if self.y_high else 0.0
        return self.height - self.bottom - share * (self.height - self.bottom - self.top)

    def bar(self, at: float, value: float, *, width: float, look: str, said: str = "") -> str:
        """Draw a bar from 0 up."""
        left, right, top = self.x(at - width / 2), self.x(at + width / 2), self.y(value)
        return (
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" '
            f'height="{self.y(0) - top:.1f}" {look}>{_title(said)}</rect>'
        )

    def skyline(self, values: Sequence[float], look: str) -> str:
        """Draw the outline of bars over 0, 1, 2, ..."""
        path = f"M{self.x(-0.5):.1f} {self.y(0):.1f}"
        for at, value in enumerate(values):
            path += f"V{self.y(value):.1f}H{self.x(at + 0.5):.1f}"
        return f'<path d="{path}V{self.y(0):.1f}" {look}/>'

    def line(self, start: tuple[float, float], end: tuple[float, float], look: str) -> str:
        """Draw a straight line."""
        (a, b), (c, d) = start, end
        return (
            f'<line x1="{self.x(a):.1f}" y1="{self.y(b):.1f}" x2="{self.x(c):.1f}" '
            f'y2="{self.y(d):.1f}" {look}/>'
        )

    def dot(self, at: float, value: float, *, radius: float, look: str, said: str = "") -> str:
        """Draw a point."""
        place = f'cx="{self.x(at):.1f}" cy="{self.y(value):.1f}" r="{radius:g}"'
        return f"<circle {place} {look}>{_title(said)}</circle>"

    def text(self, at: float, value: float, text: str, look: str = "", *, above: float = 0) -> str:
        """Write a text, centred at a point or so many pixels above it."""
        return (
            f'<text x="{self.x(at):.1f}" y="{self.y(value) - above:.1f}" text-anchor="middle" '
            f'fill="{INK}" {look}>{escape(text)}</text>'
        )

    def drawn(
        self, *parts: str, x_ticks: Sequence[float], x_label: str, y_label: str, said: str
    ) -> str:
        """Return the chart: axes with their labels, and what was drawn between them."""
        floor = self.height - self.bottom
        axes = "".join(
            f'<line x1="{self.left}" x2="{self.width - 8}" y1="{self.y(v):.1f}" '
            f'y2="{self.y(v):.1f}" stroke="{RULE}"/><text x="{self.left - 5}" '
            f'y="{self.y(v) + 3:.1f}" text-anchor="end" fill="{MUTED}">{v:g}</text>'
            for v in ticks(self.y_high)
        )
        axes += "".join(
            f'<text x="{self.x(v):.1f}" y="{floor + 13}" text-anchor="middle" '
            f'fill="{MUTED}">{v:g}</text>'
            for v in x_ticks
        )
        middle = (self.top + floor) / 2
        labels = (
            f'<text x="{(self.left + self.width) / 2}" y="{self.height - 6}" '
            f'text-anchor="middle" fill="{INK}">{escape(x_label)}</text>'
            f'<text transform="translate(11 {middle:.0f}) rotate(-90)" text-anchor="middle" '
            f'fill="{INK}">{escape(y_label)}</text>'
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(said)}" '
            f'viewBox="0 0 {self.width} {self.height}" width="{self.width}" '
            f'style="max-width: 100%; height: auto" font-size="10" '
            f'font-family="DejaVu Sans, Verdana, sans-serif">{axes}{"".join(parts)}{labels}</svg>'
        )


def _title(said: str) -> str:
    return f"<title>{escape(said)}</title>" if said else ""
