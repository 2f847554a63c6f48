"""Where the site's pages and extensions are, for the tests of it."""

import importlib
import sys

from pages import ROOT

DOCS = ROOT / "docs"
GUIDE = {path.name: path.read_text() for path in sorted(DOCS.glob("*.md"))}


def extension(name):
    """Import one of the site's extensions; none that is tested needs Sphinx but the formulas."""
    if str(DOCS) not in sys.path:
        sys.path.append(str(DOCS))
    return importlib.import_module(f"extensions.{name}")
