"""Figures as files and as text: whole or not at all, and the same bytes each time."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from resprobe.errors import UsageError, one_of
from resprobe.figures.look import styled
from resprobe.figures.sheet import look_of
from resprobe.figures.theme import theme
from resprobe.files import written_atomically

__all__ = ["save", "svg_text"]

# What would make two runs differ, per format: the time of writing.
_TIMELESS: dict[str, dict[str, None]] = {
    "png": {},
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
}


def save(
    figure: Figure, path_stem: str | Path, *, formats: Sequence[str] = ("png", "svg")
) -> list[Path]:
    """Write a figure in each format, atomically, as ``PATH_STEM.FORMAT``.

    SVG and PDF keep their text as text. PNG has 200 dots per inch, or ``savefig.dpi`` of
    the look that the figure was made with (:func:`resprobe.figures.styled`). The files carry no
    date.

    Parameters
    ----------
    figure : Figure
        Any figure of matplotlib.
    path_stem : str or Path
        The files' path without the ending.
    formats : sequence of str
        Of "png", "svg" and "pdf".

    Returns
    -------
    list of Path
        One per format, in their order.

    Raises
    ------
    UsageError
        If a format is none of these, or none is given.
    ResprobeError
        If a file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [path.name for path in save(Figure(), Path(folder) / "empty", formats=("svg",))]
    ['empty.svg']
    """
    if not formats:
        raise UsageError("no format to save the figure in: give at least one of png, svg, pdf")
    for wanted in formats:
        if wanted not in _TIMELESS:
            raise one_of("figure format", wanted, _TIMELESS)
    paths = [Path(f"{path_stem}.{wanted}") for wanted in formats]
    for path, wanted in zip(paths, formats, strict=True):
        data = _rendered(figure, wanted, salt=Path(path_stem).name)
        with written_atomically(path) as file:
            file.write(data)
    return paths


def svg_text(figure: Figure, *, salt: str) -> str:
    """Return a figure as the text of an SVG document.

    Its ids are made from ``salt`` and what they stand for, so that the text is the same each
    time, and figures with different salts have different ids.
    """
    return _rendered(figure, "svg", salt=salt).decode()


def _rendered(figure: Figure, wanted: str, *, salt: str) -> bytes:
    buffer = io.BytesIO()
    with styled(look_of(figure)), theme(), mpl.rc_context({"svg.hashsalt": salt}):
        figure.savefig(buffer, format=wanted, metadata=_TIMELESS[wanted])
    return buffer.getvalue()
