"""Notebooks are their scripts with outputs, and every cell of them runs."""

import json
import subprocess
import sys

import jupytext
import pytest
from pages import ROOT

FOLDER = ROOT / "notebooks"
SCRIPTS = sorted(path for path in FOLDER.glob("*.py") if path.name != "run.py")


@pytest.fixture(params=SCRIPTS, ids=lambda path: path.stem)
def notebook(request):
    script = request.param
    kept = json.loads(script.with_suffix(".ipynb").read_text(encoding="utf-8"))
    return script, kept["cells"]


def test_a_notebook_has_the_cells_of_its_script(notebook):
    script, cells = notebook
    written = [(cell.cell_type, cell.source) for cell in jupytext.read(script).cells]
    assert [(cell["cell_type"], "".join(cell["source"])) for cell in cells] == written
    assert len(cells) > 10


def test_every_cell_was_run_in_order_and_figures_are_shown(notebook):
    _, cells = notebook
    run = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in run] == list(range(1, len(run) + 1))
    outputs = [output for cell in run for output in cell["outputs"]]
    assert not any(output["output_type"] in ("error", "stream") for output in outputs)
    drawn = [cell for cell in run if "".join(cell["source"]).rstrip().endswith(".figure")]
    assert len(drawn) > 5
    assert all("image/png" in cell["outputs"][0]["data"] for cell in drawn)


@pytest.mark.long
def test_notebooks_run(tmp_path):
    command = [sys.executable, FOLDER / "run.py", "--out", tmp_path]
    subprocess.run(command, check=True, timeout=600)
    assert {path.stem for path in tmp_path.glob("*.ipynb")} == {path.stem for path in SCRIPTS}
