"""Reports: one self-contained HTML file from saved results.

``page(title, sections, path=...)`` writes any sections (sentences, a figure, a table) as one
file that needs no network, no script and no other file, follows the reader's light or dark
setting, prints, and can be read with the keyboard alone. ``demo_page(results, path)`` tells
the story of plain against residual networks; each of its sentences is worked out from the
results and says the opposite where the numbers do.
"""

from __future__ import annotations

from resprobe.report.demo import demo_page
from resprobe.report.page import Section, page

__all__ = ["Section", "demo_page", "page"]
