"""Run the notebooks: each .py here, in jupytext's percent format, becomes the .ipynb beside it.

    python notebooks/run.py [--out FOLDER] [--jobs N] [NAME ...]
    python notebooks/run.py --check [--jobs N] [NAME ...]

The .py is what is edited; the .ipynb holds the same cells with what they print and draw, and is
what JupyterLab opens. A cell that fails ends the run with its error. With --check nothing here is
written: every notebook is run, and what is stored must have the same cells with outputs of the
same kinds; a notebook that takes longer than two minutes fails as well.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

HERE = Path(__file__).parent
TIMEOUT_S = 300
MOST_S = 120
WIDGET = "application/vnd.jupyter.widget-view+json"
REPR = re.compile(r"[A-Z]\w*\(")  # Chain(...), Result(...); no table begins so
SECONDS = re.compile(r"steps computed, \d+\.\d+ s")


@dataclass(frozen=True)
class Run:
    """A notebook that was executed: its script, its cells, or what went wrong; how long it took."""

    script: Path
    notebook: NotebookNode
    duration_s: float
    error: str = ""


def run(script: Path) -> Run:
    """Execute one notebook in a fresh kernel, in its own folder."""
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
        store_widget_state=False,
        resources={"metadata": {"path": str(script.parent)}},
    )
    begin, error = time.perf_counter(), ""
    try:
        client.execute()
    except CellExecutionError as failure:
        error = str(failure)
    for output in outputs(notebook):
        without_widget(output)
        without_repr(output)
        without_seconds(output)
    return Run(script, notebook, time.perf_counter() - begin, error)


def outputs(notebook: NotebookNode) -> Iterator[NotebookNode]:
    """Yield every output of every cell."""
    for cell in notebook.cells:
        yield from cell.get("outputs", [])


def without_widget(output: NotebookNode) -> None:
    """Leave a widget's static form alone: without its kernel the widget itself shows an error."""
    data = output.get("data", {})
    if len(data) > 1:
        data.pop(WIDGET, None)


def without_repr(output: NotebookNode) -> None:
    """Shorten the plain text of what has a better form: it says when and by which process."""
    data = output.get("data", {})
    if "text/html" in data and (start := REPR.match(data.get("text/plain", ""))):
        data["text/plain"] = f"{start[0]}...)"


def without_seconds(output: NotebookNode) -> None:
    """Leave out how long a look of the explorer took, which changes with every run."""
    for kind, shown_as in output.get("data", {}).items():
        if isinstance(shown_as, str):
            output["data"][kind] = SECONDS.sub("steps computed", shown_as)


def written(made: Run, out: Path) -> Path:
    """Write a notebook with its outputs."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{made.script.stem}.ipynb"
    nbformat.write(made.notebook, path)
    return path


def faults(made: Run, *, jobs: int = 1) -> Iterator[str]:
    """Say in what the notebook that is stored differs from what was run, but for numbers.

    It has two minutes, and more where the machine was shared by several.
    """
    if made.duration_s > (most := MOST_S * jobs):
        yield f"took {made.duration_s:.0f} s; {most} s are allowed"
    path = made.script.with_suffix(".ipynb")
    if not path.is_file():
        yield f"{path.name} is missing; make notebooks writes it"
        return
    stored = nbformat.read(path, as_version=4)
    if [shown(cell) for cell in stored.cells] != [shown(cell) for cell in made.notebook.cells]:
        yield f"{path.name} is not what the script gives; make notebooks writes it anew"


def shown(cell: NotebookNode) -> tuple[str, str, list[list[str]]]:
    """Return a cell's kind and text, and the kinds of its outputs."""
    kinds = [sorted(output.get("data", [output.output_type])) for output in cell.get("outputs", [])]
    return cell.cell_type, cell.source, kinds


def main() -> int:
    """Run those that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="without .py; all by default")
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--jobs", type=int, default=1, help="notebooks at a time")
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    asked = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # the same numbers whatever the number of cores
    scripts = sorted(path for path in HERE.glob("*.py") if path.name != Path(__file__).name)
    if unknown := set(asked.names) - {path.stem for path in scripts}:
        parser.error(f"no notebook is called {', '.join(sorted(unknown))}")
    chosen = [path for path in scripts if path.stem in asked.names or not asked.names]
    failed = False
    jobs = max(1, asked.jobs)
    with ThreadPoolExecutor(jobs) as pool:
        for made in pool.map(run, chosen):
            wrong = (
                [made.error] if made.error else list(faults(made, jobs=jobs)) if asked.check else []
            )
            for fault in wrong:
                print(f"{made.script}: {fault}", file=sys.stderr, flush=True)
            if not wrong and not asked.check:
                written(made, asked.out)
            print(f"{made.script.stem}: {made.duration_s:.0f} s", flush=True)
            failed = failed or bool(wrong)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
