"""One self-contained HTML page from sections of sentences, figures and tables."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from resprobe.errors import InputError
from resprobe.figures.hover import Curve
from resprobe.files import write_atomically
from resprobe.report.cells import cells
from resprobe.report.downloads import Download
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
        Sentences: a paragraph, or a list where there are more than three. Plain text, never HTML.
    figure : str, optional
        The text of an SVG document, as :func:`resprobe.figures.svg_text` gives it.
    table : DataFrame, optional
        Shown whole, without its index; the first column names the rows.
    table_caption : str
        What the table holds, with units.
    figure_caption : str
        What the figure shows; also read out in its place.
    curves : sequence of Curve
        The points of the figure, which are told when they are pointed at.
    drawing : bool
        Whether the figure is a drawing that keeps its size, and is no wider than the page.
    downloads : sequence of Download
        The data behind it.
    intro : str
        A paragraph before them.
    under : bool
        Whether it belongs to the section before it, and has a smaller heading.
    """

    title: str
    text: Sequence[str] = ()
    figure: str | None = None
    table: pd.DataFrame | None = None
    table_caption: str = ""
    figure_caption: str = ""
    curves: Sequence[Curve] = ()
    drawing: bool = False
    downloads: Sequence[Download] = ()
    intro: str = ""
    under: bool = False


def page(title: str, sections: Sequence[Section], *, path: str | Path) -> Path:
    """Write one HTML file that holds everything it shows.

    Its one script, which sorts tables and tells the values of points, is named by its sum in
    the page's policy, so that nothing else runs; without it everything can still be read.

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
    script = _template("page.js")
    html = environment.get_template("page.html.j2").render(
        title=title,
        parts=parts,
        style=Markup(_template("page.css")),
        script=Markup(script),
        sum=_sum(script),
        can_be_read=any(part["curves"] or part["drawing"] for part in parts),
    )
    return write_atomically(path, html)


def _template(name: str) -> str:
    return (files("resprobe.report") / "templates" / name).read_text(encoding="utf-8")


def _sum(script: str) -> str:
    """Return what the policy of a page calls a script by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


def _part(section: Section, number: int) -> dict[str, Any]:
    label = section.figure_caption or section.title
    figure = section.figure and inline_svg(
        section.figure, prefix=f"figure{number}-", label=label, natural=section.drawing
    )
    return {
        "id": f"section-{number}",
        "title": section.title,
        "heading": "h3" if section.under else "h2",
        "intro": section.intro,
        "text": list(section.text),
        "figure": Markup(figure) if figure else None,  # built by inline_svg, never as it came
        "figure_caption": section.figure_caption,
        "curves": _curves(section.curves) if section.curves else "",
        "drawing": section.drawing,
        "table": None if section.table is None else cells(section.table),
        "table_caption": section.table_caption or section.title,
        "downloads": section.downloads,
    }


def _curves(curves: Sequence[Curve]) -> str:
    return json.dumps(
        [{"quantity": curve.quantity, "points": curve.points} for curve in curves],
        ensure_ascii=False,
        separators=(",", ":"),
    )
