"""One self-contained HTML page from sections of sentences, figures and tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from resprobe.errors import InputError
from resprobe.files import write_atomically
from resprobe.report.svg import inline_svg

__all__ = ["Section", "page"]


@dataclass(frozen=True, eq=False)
class Section:
    """One part of a page; whatever is missing is left out.

    Parameters
    ----------
    title : str
        Its heading.
    text : sequence of str
        Sentences, one after the other in one paragraph. Plain text, never HTML.
    figure : str, optional
        The text of an SVG document, as :func:`resprobe.figures.svg_text` gives it.
    table : DataFrame, optional
        Shown whole, without its index; the first column names the rows.
    table_caption : str
        What the table holds, with units.
    figure_caption : str
        What the figure shows; also read out in its place.
    """

    title: str
    text: Sequence[str] = ()
    figure: str | None = None
    table: pd.DataFrame | None = None
    table_caption: str = ""
    figure_caption: str = ""


def page(title: str, sections: Sequence[Section], *, path: str | Path) -> Path:
    """Write one HTML file that holds everything it shows.

    Parameters
    ----------
    title : str
        Of the page.
    sections : sequence of Section
        In order of reading.
    path : str or Path
        The file to write, whole or not at all.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If there is no section, or a figure is no SVG document.
    ResprobeError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = page("A & B", [Section("First", ["It is <so>."])], path=f"{folder}/a.html")
    ...     "It is &lt;so&gt;." in file.read_text()
    True
    """
    if not sections:
        raise InputError(f"{path}: a page needs at least one section and got none")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("resprobe.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    parts = [_part(section, number) for number, section in enumerate(sections, start=1)]
    html = environment.get_template("page.html.j2").render(title=title, parts=parts)
    return write_atomically(path, html)


def _part(section: Section, number: int) -> dict[str, Any]:
    label = section.figure_caption or section.title
    figure = section.figure and inline_svg(section.figure, prefix=f"figure{number}-", label=label)
    return {
        "id": f"section-{number}",
        "title": section.title,
        "text": " ".join(section.text),
        "figure": Markup(figure) if figure else None,  # built by inline_svg, never as it came
        "figure_caption": section.figure_caption,
        "table": None if section.table is None else _table(section.table),
        "table_caption": section.table_caption or section.title,
    }


def _table(frame: pd.DataFrame) -> dict[str, Any]:
    numeric = [
        pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)
        for dtype in frame.dtypes
    ]
    columns = [_column(frame.iloc[:, place]) for place in range(frame.shape[1])]
    rows = [list(row) for row in zip(*columns, strict=True)]
    return {"columns": [str(column) for column in frame.columns], "numeric": numeric, "rows": rows}


def _column(values: pd.Series) -> list[str]:
    """Write floats with as many decimals each, so that their points align.

    The largest has four digits; where the smallest would then keep fewer than two, or a
    number needs an exponent, each stands for itself.
    """
    cells = [_cell(value) for value in values]
    if not pd.api.types.is_float_dtype(values.dtype) or any("e" in cell for cell in cells):
        return cells
    sizes = [abs(value) for value in values if math.isfinite(value) and value != 0]
    if not sizes:
        return cells
    natural = max(len(cell.partition(".")[2]) for cell in cells)
    decimals = min(natural, max(0, 3 - math.floor(math.log10(max(sizes)))))
    if min(sizes) < 10.0 ** (1 - decimals) and decimals < natural:
        return cells
    return [
        f"{value:.{decimals}f}".replace("-", "−") if math.isfinite(value) else cell
        for value, cell in zip(values, cells, strict=True)
    ]


def _cell(value: Any) -> str:
    """Write one value as a reader wants it: four digits, a dash for what is missing."""
    if value is None or value is pd.NA or (isinstance(value, Real) and math.isnan(value)):
        return "–"
    if isinstance(value, bool) or type(value).__name__ in ("bool", "bool_"):
        return "yes" if value else "no"
    if isinstance(value, Integral):
        return str(value)
    return f"{float(value):.4g}".replace("-", "−") if isinstance(value, Real) else str(value)
