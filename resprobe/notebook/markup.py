"""Pieces of HTML for a notebook's output: escaped, and in the colours of the page around them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["framed", "number", "paragraph", "sentence", "small", "table"]

# those of the figures, whose own module takes seconds to load
_LINES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_COLOURS = {
    "--ink": "currentColor",
    "--muted": "color-mix(in srgb, currentColor 70%, transparent)",
    "--rule": "color-mix(in srgb, currentColor 18%, transparent)",
    # JupyterLab's paper, that of the documentation's theme, and else none at all
    "--paper": "var(--jp-layout-color0, var(--color-background-primary, transparent))",
    **{f"--line-{place}": colour for place, colour in enumerate(_LINES)},
}
"""The variables that drawings ask for: ink and rules from the text around them, and the lines of
figures as they are in print, which stand out from black as from white."""

_LONGEST = 200


def framed(*parts: str) -> str:
    """Put pieces together in a block that sets what drawings call their colours."""
    style = "; ".join(f"{name}: {value}" for name, value in _COLOURS.items())
    style += "; line-height: 1.4; max-width: 60rem"
    return f'<div class="resprobe" style="{style}">{"".join(parts)}</div>'


def sentence(text: object) -> str:
    """Return a text escaped and of a bounded length."""
    whole = str(text)
    return escape(whole if len(whole) <= _LONGEST * 2 else whole[: _LONGEST * 2 - 1] + "…")


def paragraph(text: str) -> str:
    """Return a paragraph of plain text."""
    return f'<p style="margin: 0.4em 0">{sentence(text)}</p>'


def small(text: str) -> str:
    """Return small print of plain text; nothing for an empty text."""
    if not text:
        return ""
    return f'<p style="margin: 0.4em 0; font-size: 0.85em; opacity: 0.75">{sentence(text)}</p>'


def number(value: object) -> str:
    """Return a number as one reads it, and any other value as text.

    Examples
    --------
    >>> [number(v) for v in (1730714, 0.123456, 1e-9, float("nan"), True, "delete:0")]
    ['1,730,714', '0.1235', '1e-09', '–', 'True', 'delete:0']
    """
    if isinstance(value, str | bool) or not hasattr(value, "__float__"):
        text = str(value)
        return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    found = float(value)
    if math.isnan(found):
        return "–"
    return f"{int(found):,}" if found.is_integer() and abs(found) < 1e15 else f"{found:.4g}"


_CELL = "padding: 0.15em 0.6em; white-space: nowrap; border-bottom: 1px solid var(--rule)"


def table(
    headings: Sequence[object], rows: Iterable[Sequence[object] | str], *, caption: str = ""
) -> str:
    """Return a table that scrolls sideways where it is too wide.

    Parameters
    ----------
    headings : sequence
        Of the columns.
    rows : iterable
        The cells of each row; a text in a row's place goes over all columns.
    caption : str
        What the table is, for readers who do not see it.
    """
    rows = list(rows)
    first = next((row for row in rows if not isinstance(row, str)), ["" for _ in headings])
    sides = [_side(value) for value in first]
    cells = "".join(_cell("th", h, side) for h, side in zip(headings, sides, strict=True))
    wide = f'colspan="{len(headings)}" style="{_CELL}; text-align: center"'
    body = ""
    for row in rows:
        if isinstance(row, str):
            body += f"<tr><td {wide}>{sentence(row)}</td></tr>"
        else:
            values = zip(row, sides, strict=True)
            body += f"<tr>{''.join(_cell('td', value, side) for value, side in values)}</tr>"
    label = f' aria-label="{escape(caption)}"' if caption else ""
    return (
        f'<div style="overflow-x: auto" tabindex="0" role="region"{label}>'
        f'<table style="border-collapse: collapse; font-size: 0.85em; margin: 0.4em 0; '
        f'font-variant-numeric: tabular-nums"><thead><tr>{cells}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _cell(tag: str, value: object, side: str) -> str:
    scope = ' scope="col"' if tag == "th" else ""
    return f'<{tag}{scope} style="{_CELL}; text-align: {side}">{escape(number(value))}</{tag}>'


def _side(value: object) -> str:
    """Numbers stand below each other by their last digit."""
    is_number = hasattr(value, "__float__") and not isinstance(value, bool)
    return "right" if is_number else "left"
