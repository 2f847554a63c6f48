"""Where files of the repository stand in the site, and how generated pages are written."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
GENERATED = DOCS / "generated"

PAGES = {
    "README.md": "index.md",
    "analyses/README.md": "generated/claims.md",
    "benchmarks/README.md": "generated/benchmarks.md",
    "data/README.md": "generated/data.md",
    "CHANGELOG.md": "generated/changelog.md",
    "CONTRIBUTING.md": "generated/contributing.md",
}
"""Pages of the repository, and the pages of the site that show them."""

_LINK = re.compile(r"(?P<start>\]\()(?P<target>[^)\s#]+)(?P<end>(#[^)\s]*)?\))")


def relinked(text: str, folder: Path, page: Path) -> str:
    """Return Markdown with its links turned to where their targets stand in the site.

    Parameters
    ----------
    text : str
        Markdown that lies in ``folder`` of the repository.
    folder : Path
        What its relative links start from.
    page : Path
        The file of the site that the text is to be shown in.
    """

    def turned(link: re.Match[str]) -> str:
        target = link["target"]
        if re.match(r"[a-z]+:|/|<", target) or not (folder / target).exists():
            return link[0]
        return link["start"] + _from(page, (folder / target).resolve()) + link["end"]

    return _LINK.sub(turned, text)


def _from(page: Path, target: Path) -> str:
    inside = target.relative_to(ROOT).as_posix()
    if inside in PAGES:
        target = DOCS / PAGES[inside]
    elif inside in ("analyses", "data"):
        target = DOCS / PAGES[f"{inside}/README.md"]
    elif target.parent == ROOT / "notebooks" and target.suffix in (".ipynb", ".py"):
        target = GENERATED / "notebooks" / f"{target.stem}.ipynb"
    return Path(os.path.relpath(target, page.parent)).as_posix()


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Make a folder hold these files and no others; what is the same stays as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        if old.is_file() and old.name not in files:
            old.unlink()
    for name, text in files.items():
        write_one(folder / name, text)


def write_one(path: Path, text: str) -> None:
    """Write a file unless it holds this text already."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
