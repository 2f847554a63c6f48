"""Reports: one self-contained HTML file from saved results.

``page(title, sections, path=...)`` writes any sections (sentences, a figure, a table, the data
behind them) as one file that needs no network and no other file, follows the reader's light or
dark setting, prints, and can be read with the keyboard alone, with its script or without.
``report_page(results, path)`` tells of everything that was measured on some networks, and
``demo_page`` of the demo's results; each of their sentences is worked out from the results and
says the opposite where the numbers do.
"""

from __future__ import annotations

from resprobe.report.downloads import Download
from resprobe.report.page import Section, page
from resprobe.report.story import demo_page, report_page

__all__ = ["Download", "Section", "demo_page", "page", "report_page"]
