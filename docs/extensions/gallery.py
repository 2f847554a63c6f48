"""The gallery: every kind of result as a figure, drawn from the saved results of real runs.

Figures are drawn when the site is built, each again only where its numbers or the code that
draws have changed.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import re
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extensions.places import DOCS, GENERATED, ROOT, write_one

if TYPE_CHECKING:
    from sphinx.application import Sphinx

CONTENTS = DOCS / "gallery" / "contents.json"
FIGURES = GENERATED / "gallery"


@dataclass(frozen=True)
class Picture:
    """A saved result, and what its figure shows.

    Attributes
    ----------
    section : str
        The heading that it stands under.
    title : str
        What it is, in a few words.
    result : str
        The CSV, from the root of the repository.
    shows : str
        What is seen, in a sentence or two of Markdown.
    guide : str
        The page of the guide that explains it.
    command : str
        What made it, where the result does not say.
    only : dict
        Values of columns: rows that have others are left out of the figure.
    """

    section: str
    title: str
    result: str
    shows: str
    guide: str
    command: str = ""
    only: dict[str, Any] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        """Where it is drawn: one folder of the repository has one file of a name."""
        table = Path(self.result)
        return FIGURES / f"{table.parent.name}-{table.stem}.svg"

    @property
    def notes(self) -> dict[str, Any]:
        """What the JSON beside the table says."""
        found: dict[str, Any] = json.loads((ROOT / self.result).with_suffix(".json").read_text())
        return found


def pictures() -> list[Picture]:
    """Return the pictures in their order."""
    sections = json.loads(CONTENTS.read_text(encoding="utf-8"))
    return [
        Picture(section=section, **picture)
        for section, inside in sections.items()
        for picture in inside
    ]


def page(found: list[Picture]) -> str:
    """Return the Markdown of the gallery, below its introduction."""
    return "\n\n".join(_parts(found)) + "\n"


def _parts(found: list[Picture]) -> Iterator[str]:
    section = ""
    for picture in found:
        if picture.section != section:
            section = picture.section
            yield f"## {section}"
        yield f"### {picture.title}"
        yield picture.shows
        image = picture.file.relative_to(DOCS).as_posix()
        drawn = f"```{{image}} {image}\n:alt: {picture.title}\n```"
        yield f"````{{container}} drawn\n{drawn}\n````"
        yield _made(picture)


def _made(picture: Picture) -> str:
    """Say what made the numbers: command, time and versions, and where they can be had."""
    meta = picture.notes["meta"]
    command = as_typed(meta.get("command") or picture.command)
    table = os.path.relpath(ROOT / picture.result, DOCS)
    said = [
        f"{{download}}`{Path(table).name} <{table}>`",
        f"{picture.notes['name']}, format {picture.notes['format']}",
        str(meta.get("time", ""))[:10],
        f"torch {meta['torch']}" if meta.get("torch") else "",
        f"[guide](/{picture.guide}.md)",
    ]
    shown = f"```{{code-block}} text\n:class: command\n\n{command}\n```"
    return f"{shown}\n\n" + " · ".join(part for part in said if part)


def as_typed(command: str) -> str:
    """Return the command that was run, as it is typed at the root of the repository.

    Examples
    --------
    >>> as_typed("ensemble.py --redraw"), as_typed("resprobe paths --law 54 --quiet")
    ('python analyses/ensemble.py --redraw', 'resprobe paths --law 54')
    """
    command = command.removesuffix(" --quiet")
    return re.sub(r"^(?=\w+\.py\b)", "python analyses/", command)


def _code() -> str:
    """Return a sum of all that a figure depends on besides its numbers."""
    files = sorted((ROOT / "resprobe" / "figures").rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def _key(picture: Picture, code: str) -> str:
    table = ROOT / picture.result
    content = table.read_bytes() + table.with_suffix(".json").read_bytes()
    return hashlib.sha256(content + f"{picture.only} {code}".encode()).hexdigest()


def draw(picture: Picture, file: Path) -> None:
    """Draw a saved result into an SVG file."""
    from resprobe.figures import figure, svg_text
    from resprobe.results import Result

    result = Result.load(ROOT / picture.result)
    for column, value in picture.only.items():
        result = replace(result, frame=result.frame[result.frame[column] == value])
    write_one(file, svg_text(figure(result), salt=file.stem))


def _generate(_: Sphinx) -> None:
    found, code = pictures(), _code()
    keys_file = FIGURES / "drawn.json"
    drawn = json.loads(keys_file.read_text()) if keys_file.exists() else {}
    keys = {picture.file.name: _key(picture, code) for picture in found}
    wanted = [
        picture
        for picture in found
        if drawn.get(picture.file.name) != keys[picture.file.name] or not picture.file.exists()
    ]
    if wanted:
        workers = min(len(wanted), os.cpu_count() or 1, 4)
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
            jobs = [pool.submit(draw, p, p.file) for p in wanted]
            for job in jobs:
                job.result()
    write_one(keys_file, json.dumps(keys, indent=1))
    write_one(FIGURES / "figures.inc", page(found))


def setup(app: Sphinx) -> dict[str, bool]:
    """Draw the figures and write their page before the site is read."""
    app.connect("builder-inited", _generate)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
