"""A chain as a drawing: stem, blocks with their shortcuts, links and head, coloured by worth.

The text of an SVG element, made from what is said of every step, so that a notebook, a report
and a page of documentation show the same picture. Colours are variables with a default: a page
that sets ``--ink``, ``--muted``, ``--rule``, ``--paper``, ``--line-0`` or ``--line-1`` has them
follow light and dark.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["Part", "draw_chain"]

INK, MUTED = "var(--ink, #262626)", "var(--muted, #5c5c5c)"
RULE, PAPER = "var(--rule, #d9d9d9)", "var(--paper, #ffffff)"
RISE, FALL = "var(--line-1, #d55e00)", "var(--line-0, #0072b2)"
_BLOCKS = ("identity", "transition")
_CELL, _ROW, _END = 24.0, 62.0, 44.0  # of a block, of a row of them, of stem and head
_KEY, _LETTER = 45.0, 4.6  # where the key's text begins, and about how wide a letter of it is
_LEAST = 0.06  # opacity that still shows where a block is


@dataclass(frozen=True)
class Part:
    """One step of a chain, as it is drawn.

    Attributes
    ----------
    kind : str
        "stem", "identity", "transition", "link" or "head", as in ``block_table``.
    label : str
        What it is called; shown when it is pointed at.
    stage : int
        Of a block.
    value : float or None
        What a block is worth; NaN where it is unknown, None where nothing is asked.
    said : str
        What else is shown when it is pointed at.
    """

    kind: str
    label: str
    stage: int = 0
    value: float | None = None
    said: str = ""

    @property
    def is_block(self) -> bool:
        """Whether it is a block, and neither link nor end."""
        return self.kind in _BLOCKS

    @property
    def width(self) -> float:
        """How much of a row it takes."""
        return {"stem": _END, "head": _END, "link": _CELL / 2}.get(self.kind, _CELL)


def draw_chain(parts: Sequence[Part], *, plain: bool = False, worth: str = "") -> str:
    """Draw a chain as SVG.

    Blocks are boxes with their shortcut as an arc over them, a transition's arc with a diamond;
    the boxes of a plain network have no arc. Stages lie on alternating ground. The stronger the
    colour, the larger the value: orange above 0, blue below. A value that is not finite has a
    question mark. Long chains go over several rows.

    Parameters
    ----------
    parts : sequence of Part
        In order.
    plain : bool
        Whether the blocks have no shortcuts.
    worth : str
        What the values are, with their unit; said below the drawing.

    Returns
    -------
    str
        An ``<svg>`` element. Every block is a group of class "block" with ``data-block``, its
        number, and a title; labels are escaped.

    Examples
    --------
    >>> parts = [Part("stem", "conv1"), Part("identity", "layer1.0", 1, 0.1), Part("head", "fc")]
    >>> draw_chain(parts).count('class="block"')
    1
    """
    rows = list(_rows(parts))
    low, high = _ends(parts)
    most, key = max(-low, high), _key(low, high, worth)
    width = 2 + max(sum(part.width for part in row) for row in rows)
    width = max(width, _KEY + _LETTER * len(key)) if most else width
    height = _ROW * len(rows) + (18 if most else 0)
    drawn = "".join(_drawn_rows(rows, plain=plain, most=most))
    blocks = sum(part.is_block for part in parts)
    kind = "plain" if plain else "residual"
    label = f"A chain of {blocks} {kind} block{'s' if blocks != 1 else ''}"
    label += f", coloured by: {worth}" if most and worth else ""
    below = _scale(low, high, key, y=_ROW * len(rows) + 11) if most else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(label)}" '
        f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" style="max-width:100%;height:auto" '
        f'font-family="DejaVu Sans, Verdana, sans-serif" font-size="8">{drawn}{below}</svg>'
    )


def _rows(parts: Sequence[Part]) -> Iterator[list[Part]]:
    """Break a chain into rows of about one length: a page's, longer where it is very long."""
    blocks, total = sum(part.is_block for part in parts), sum(part.width for part in parts)
    page = _CELL * min(max(32, math.ceil(math.sqrt(8 * blocks))), 64)
    most = total / math.ceil(total / page) + _CELL
    row: list[Part] = []
    for part in parts:
        if row and sum(one.width for one in row) + part.width > most:
            yield row
            row = []
        row.append(part)
    if row:
        yield row


def _ends(parts: Sequence[Part]) -> tuple[float, float]:
    """Return the lowest value there is and the highest, 0 among them."""
    values = [p.value for p in parts if p.value is not None and math.isfinite(p.value)]
    return min([0.0, *values]), max([0.0, *values])


def _drawn_rows(rows: Sequence[list[Part]], *, plain: bool, most: float) -> Iterator[str]:
    number = 0
    for place, row in enumerate(rows):
        top, x = _ROW * place, 1.0
        middle = top + 36
        yield from _stages(row, top)
        end = x + sum(part.width for part in row)
        yield f'<path d="M{x:g} {middle:g}H{end:g}" stroke="{MUTED}" fill="none"/>'
        for part in row:
            if part.is_block:
                yield _block(part, number, x, middle, plain=plain, most=most)
                number += 1
            elif part.kind == "link":
                yield _titled(
                    part, f'<circle cx="{x + part.width / 2:g}" cy="{middle:g}" r="2.5" {_FILLED}/>'
                )
            else:
                yield _end(part, x, middle)
            x += part.width


_FILLED = f'fill="{PAPER}" stroke="{MUTED}"'


def _stages(row: Sequence[Part], top: float) -> Iterator[str]:
    """Shade every second stage, and name those that have room for it."""
    x, runs = 1.0, list[tuple[int, float, float]]()
    for part in row:
        if part.is_block:
            if runs and runs[-1][0] == part.stage:
                runs[-1] = (part.stage, runs[-1][1], x + part.width)
            else:
                runs.append((part.stage, x, x + part.width))
        x += part.width
    for stage, left, right in runs:
        if stage % 2 == 0:
            yield (
                f'<rect x="{left:g}" y="{top + 2:g}" width="{right - left:g}" '
                f'height="{_ROW - 4:g}" fill="{INK}" fill-opacity="0.07"/>'
            )
        name = f"stage {stage}" if right - left > 2 * _CELL else str(stage)
        yield (
            f'<text x="{(left + right) / 2:g}" y="{top + 56:g}" text-anchor="middle" '
            f'fill="{MUTED}">{name}</text>'
        )


def _block(part: Part, number: int, x: float, middle: float, *, plain: bool, most: float) -> str:
    left, right, centre = x + 5, x + _CELL - 5, x + _CELL / 2
    drawn = "" if plain else _shortcut(part, x, middle)
    box = f'x="{left:g}" y="{middle - 10:g}" width="{right - left:g}" height="20" rx="2"'
    drawn += f'<rect {box} fill="{PAPER}"/>'
    drawn += f'<rect {box} {_filling(part.value, most)} stroke="{INK}"/>'
    if part.value is not None and not math.isfinite(part.value):
        drawn += (
            f'<text x="{centre:g}" y="{middle + 3:g}" text-anchor="middle" fill="{INK}">?</text>'
        )
    return _titled(part, drawn, attributes=f' class="block" data-block="{number}"')


def _shortcut(part: Part, x: float, middle: float) -> str:
    """Return the arc over a block; a transition's shortcut has a diamond on it."""
    top = middle - 24
    arc = (
        f'<path d="M{x + 2:g} {middle:g}V{top + 5:g}q0 -5 5 -5H{x + _CELL - 7:g}q5 0 5 5'
        f'V{middle:g}" fill="none" stroke="{MUTED}"/>'
    )
    if part.kind != "transition":
        return arc
    centre = x + _CELL / 2
    return arc + (
        f'<path d="M{centre - 4:g} {top:g}l4 -4 4 4 -4 4z" fill="{PAPER}" stroke="{INK}"/>'
    )


def _filling(value: float | None, most: float) -> str:
    if value is None or not math.isfinite(value) or not most:
        return f'fill="{RULE}" fill-opacity="0.5"' if value is None else 'fill="none"'
    strength = _LEAST + (1 - _LEAST) * abs(value) / most
    return f'fill="{RISE if value >= 0 else FALL}" fill-opacity="{strength:.3f}"'


def _end(part: Part, x: float, middle: float) -> str:
    box = (
        f'<rect x="{x + 3:g}" y="{middle - 10:g}" width="{part.width - 6:g}" height="20" rx="9" '
        f'{_FILLED}/><text x="{x + part.width / 2:g}" y="{middle + 3:g}" text-anchor="middle" '
        f'fill="{INK}">{escape(part.kind)}</text>'
    )
    return _titled(part, box)


def _titled(part: Part, drawn: str, *, attributes: str = "") -> str:
    said = escape(f"{part.label}\n{part.said}".strip())
    return f"<g{attributes}><title>{said}</title>{drawn}</g>"


def _scale(low: float, high: float, key: str, *, y: float) -> str:
    """Return boxes from the lowest value to the highest, and what they are."""
    most, drawn = max(-low, high), ""
    shown = [*([low] if low < 0 else []), 0.0, *([high / 2, high] if high > 0 else [])]
    for place, value in enumerate(shown):
        drawn += (
            f'<rect x="{4 + 9 * place}" y="{y - 7:g}" width="9" height="9" stroke="{RULE}" '
            f"{_filling(value, most)}/>"
        )
    return f'{drawn}<text x="{_KEY:g}" y="{y:g}" fill="{MUTED}">{escape(key)}</text>'


def _key(low: float, high: float, worth: str) -> str:
    """Return the range of the values, and what they are.

    Examples
    --------
    >>> print(_key(-0.5, 12.25, "points"))
    −0.5 to 12.2, points
    """
    ends = f"{low:.3g} to {high:.3g}".replace("-", "−")
    return f"{ends}, {worth}" if worth else ends
