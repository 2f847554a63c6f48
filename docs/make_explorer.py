"""Make the picture of docs/explorer.md: a JupyterLab, a headless Chromium, a few clicks.

``python docs/make_explorer.py CHECKPOINT`` with a network that was trained on the embedded data.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from notebook.lab import notebook, page_in_chromium, run_all, running  # noqa: E402

CELL = """
import resprobe
checkpoint = resprobe.load("net.pt")
data = resprobe.Batches(resprobe.load_data("embedded"), checkpoint.normalisation)
chain = resprobe.unravel(checkpoint.model, data.example())
resprobe.explore(chain, data, network="ResNet-20", singles=True)
"""


def main(checkpoint: Path) -> None:
    """Delete two blocks, swap two, and take the picture."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "net.pt").write_bytes(checkpoint.read_bytes())
        Path(folder, "explore.ipynb").write_text(notebook(CELL))
        with running(folder) as address, page_in_chromium(height=1000) as (page, _):
            run_all(page, address("explore.ipynb"))
            area = page.locator(".jp-OutputArea-output").first
            for name in ("5", "8", "Swap", "1", "2"):
                area.get_by_role("button", name=re.compile(rf"^[✕⇄◆]?{name}$")).click()
            page.get_by_text("shuffle:1-2,delete:5+8: ").first.wait_for()
            page.mouse.move(0, 0)
            area.screenshot(path=HERE / "figures" / "explorer.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
