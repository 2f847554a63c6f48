"""Pages and notebooks of the repository that lie outside ``docs`` and belong to the site."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from extensions.places import DOCS, GENERATED, PAGES, ROOT, relinked, write, write_one

if TYPE_CHECKING:
    from sphinx.application import Sphinx

NOTEBOOKS = GENERATED / "notebooks"


def notebooks() -> list[Path]:
    """Return the notebooks, which are shown with the outputs they were kept with."""
    return sorted((ROOT / "notebooks").glob("*.ipynb"))


def _shown(notebook: Path) -> str:
    """Return a notebook whose links hold in the site."""
    content = json.loads(notebook.read_text(encoding="utf-8"))
    content["metadata"].pop("widgets", None)
    for cell in content["cells"]:
        if cell["cell_type"] == "markdown":
            source = "".join(cell["source"])
            cell["source"] = relinked(source, notebook.parent, NOTEBOOKS / notebook.name)
    return json.dumps(content, ensure_ascii=False, indent=1)


def _generate(_: Sphinx) -> None:
    write(NOTEBOOKS, {path.name: _shown(path) for path in notebooks()})
    for source, shown in PAGES.items():
        if (page := DOCS / shown).parent == GENERATED:
            text = (ROOT / source).read_text(encoding="utf-8")
            write_one(page, relinked(text, (ROOT / source).parent, page))


def _relink(app: Sphinx, docname: str, content: list[str]) -> None:
    """Turn links of the guide that lead out of ``docs``."""
    page = Path(app.env.doc2path(docname))
    if page.suffix == ".md" and GENERATED not in page.parents:
        content[0] = relinked(content[0], page.parent, page)


def setup(app: Sphinx) -> dict[str, bool]:
    """Write these pages before the site is read."""
    app.connect("builder-inited", _generate)
    app.connect("source-read", _relink)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
