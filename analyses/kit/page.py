"""The part of a page that a script writes, between two markers."""

from __future__ import annotations

from pathlib import Path

from resprobe.errors import InputError
from resprobe.files import write_atomically

__all__ = ["filled"]


def filled(page: Path, name: str, text: str) -> Path:
    """Put ``text`` between ``<!-- NAME:begin -->`` and ``<!-- NAME:end -->`` of a page.

    Raises
    ------
    InputError
        If the page cannot be read, or does not have each marker once, in this order.
    """
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    try:
        whole = page.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{page}: the page cannot be read ({error})") from error
    before, found, rest = whole.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed or begin in rest or end in after:
        raise InputError(f"{page}: wanted {begin} and {end}, once each")
    return write_atomically(page, f"{before}{begin}\n{text.strip()}\n{end}{after}")
