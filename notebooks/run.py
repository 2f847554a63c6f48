"""Run the notebooks: each .py here, in jupytext's percent format, becomes the .ipynb beside it.

    python notebooks/run.py [--out FOLDER] [NAME ...]

The .py is what is edited; the .ipynb holds the same cells with what they print and draw, and is
what JupyterLab opens. A cell that fails ends the run with its error.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

HERE = Path(__file__).parent
TIMEOUT_S = 300


def run(script: Path, out: Path) -> Path:
    """Execute one notebook in a fresh kernel, in its own folder, and write it with its outputs."""
    notebook = jupytext.read(script)
    notebook.metadata["kernelspec"] = {
        "name": "python3", "display_name": "Python 3", "language": "python"
    }  # fmt: skip
    for number, cell in enumerate(notebook.cells):  # random ids would change with every run
        cell["id"] = f"cell-{number}"
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT_S,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(script.parent)}},
    )
    client.execute()
    out.mkdir(parents=True, exist_ok=True)
    written = out / f"{script.stem}.ipynb"
    nbformat.write(notebook, written)
    return written


def main() -> int:
    """Run those that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="without .py; all by default")
    parser.add_argument("--out", type=Path, default=HERE)
    asked = parser.parse_args()
    scripts = sorted(path for path in HERE.glob("*.py") if path.name != Path(__file__).name)
    for script in scripts:
        if asked.names and script.stem not in asked.names:
            continue
        try:
            print(run(script, asked.out))
        except CellExecutionError as error:
            print(f"{script}: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
