"""Notebooks are lectures: scripts with outputs, whose every cell runs and every figure is read."""

import importlib.util
import json
import re
import shlex
import subprocess
import sys

import jupytext
import nbformat
import pytest
from pages import ROOT

from resprobe.cli.app import command

FOLDER = ROOT / "notebooks"
NAMES = (
    "01_first_look",
    "02_degradation",
    "03_lesions_and_the_ensemble_view",
    "04_gradient_flow",
    "05_your_own_model",
    "06_iterative_inference",
)
SAID = (
    "**The question.**",
    "**What you should know.**",
    "**Whom it follows.**",
    "**How to read it.**",
    "an artefact",
    "## Exercises",
    "## With the real data",
)


def load_runner():
    spec = importlib.util.spec_from_file_location("notebook_runner", FOLDER / "run.py")
    runner = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = runner
    spec.loader.exec_module(runner)
    return runner


RUNNER = load_runner()


@pytest.fixture(params=NAMES)
def script(request):
    return FOLDER / f"{request.param}.py"


@pytest.fixture
def cells(script):
    return json.loads(script.with_suffix(".ipynb").read_text(encoding="utf-8"))["cells"]


def code_of(cells):
    return [cell for cell in cells if cell["cell_type"] == "code"]


def text_of(script):
    kept = [cell.source for cell in jupytext.read(script).cells if cell.cell_type == "markdown"]
    return "\n\n".join(kept)


def commands_of(script):
    fenced = re.findall(r"```sh\n(.*?)```", text_of(script), flags=re.DOTALL)
    lines = "".join(fenced).replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines if line.startswith("resprobe")]


def test_these_six_notebooks_are_all_there_are():
    kept = {path.stem for path in FOLDER.glob("*.py")} - {"run"}
    assert kept == {path.stem for path in FOLDER.glob("*.ipynb")} == set(NAMES)


def test_a_notebook_has_the_cells_of_its_script(script, cells):
    written = [(cell.cell_type, cell.source) for cell in jupytext.read(script).cells]
    assert [(cell["cell_type"], "".join(cell["source"])) for cell in cells] == written
    assert len(cells) > 10
    assert "formats: ipynb,py:percent" in script.read_text(encoding="utf-8")


def test_every_cell_was_run_in_order_without_complaint(cells):
    run = code_of(cells)
    assert [cell["execution_count"] for cell in run] == list(range(1, len(run) + 1))
    kinds = {output["output_type"] for cell in run for output in cell["outputs"]}
    assert kinds == {"execute_result"}


def test_every_cell_that_ends_with_a_figure_shows_it(cells):
    drawn = [c for c in code_of(cells) if "".join(c["source"]).rstrip().endswith(".figure")]
    assert len(drawn) >= 2
    assert all("image/png" in cell["outputs"][0]["data"] for cell in drawn)


def test_a_stored_notebook_is_small(script):
    assert script.with_suffix(".ipynb").stat().st_size < 1_000_000


def test_a_lecture_says_what_it_asks_whom_it_follows_and_what_real_data_would_change(script):
    text = text_of(script)
    assert text.startswith("# ")
    assert [part for part in SAID if part not in text] == []
    assert text.index("## Exercises") < text.index("## With the real data")
    asked_against = "falsif" in text  # a how-to claims nothing
    assert asked_against or script.stem == "05_your_own_model"


def test_a_figure_is_followed_by_words_before_the_next_heading(script):
    cells = jupytext.read(script).cells
    for place, cell in enumerate(cells):
        if cell.cell_type == "code" and cell.source.rstrip().endswith(".figure"):
            after = next(c.source for c in cells[place:] if c.cell_type == "markdown")
            assert not after.startswith("#"), after.splitlines()[0]


def test_links_between_lectures_lead_to_files(script):
    links = re.findall(r"\]\(([^)#\s]+)\)", text_of(script))
    assert links
    assert [link for link in links if not (FOLDER / link).exists()] == []


def test_nothing_of_the_machine_is_in_a_stored_notebook(script):
    stored = script.with_suffix(".ipynb").read_text(encoding="utf-8")
    assert re.findall(r"(?:/tmp|/work|/root|/home|/Users)/\S*", stored) == []
    assert RUNNER.WIDGET not in stored


def test_commands_for_the_real_data_are_commands_with_such_options(script):
    known = command().commands
    commands = commands_of(script)
    assert len(commands) >= 3
    for _, name, *words in commands:
        found = known[name]
        inner = getattr(found, "commands", {})
        found = inner[words.pop(0)] if inner else found
        options = {option for each in found.params for option in each.opts}
        assert {word for word in words if word.startswith("--")} <= options, (name, words)


def a_run(tmp_path, *, stored, made, duration_s=1.0):
    script = tmp_path / "a.py"
    nbformat.write(stored, script.with_suffix(".ipynb"))
    return RUNNER.Run(script, made, duration_s)


def a_notebook(source="1", data=("text/plain",)):
    output = nbformat.v4.new_output("execute_result", dict.fromkeys(data, "x"), execution_count=1)
    cell = nbformat.v4.new_code_cell(source, outputs=[output], id="cell-0")
    return nbformat.v4.new_notebook(cells=[cell])


def test_other_numbers_in_a_stored_notebook_are_no_fault(tmp_path):
    made = a_notebook()
    made.cells[0].outputs[0].data["text/plain"] = "another number"
    assert list(RUNNER.faults(a_run(tmp_path, stored=a_notebook(), made=made))) == []


@pytest.mark.parametrize(
    "stored", [a_notebook("2"), a_notebook(data=("text/plain", "image/png"))], ids=["code", "kind"]
)
def test_other_code_and_other_kinds_of_outputs_are_faults(tmp_path, stored):
    (fault,) = RUNNER.faults(a_run(tmp_path, stored=stored, made=a_notebook()))
    assert fault == "a.ipynb is not what the script gives; make notebooks writes it anew"


def test_a_missing_notebook_is_a_fault(tmp_path):
    (fault,) = RUNNER.faults(RUNNER.Run(tmp_path / "a.py", a_notebook(), 1.0))
    assert fault.startswith("a.ipynb is missing")


def test_a_notebook_that_takes_longer_than_two_minutes_is_a_fault(tmp_path):
    slow = a_run(tmp_path, stored=a_notebook(), made=a_notebook(), duration_s=120.5)
    assert list(RUNNER.faults(slow)) == ["took 120 s; 120 s are allowed"]
    assert not list(RUNNER.faults(slow, jobs=2))


def test_a_widget_gives_way_to_its_static_form_where_it_has_one():
    kinds = ("text/plain", "text/html", RUNNER.WIDGET)
    both, alone = a_notebook(data=kinds), a_notebook(data=(RUNNER.WIDGET,))
    for notebook in (both, alone):
        for output in RUNNER.outputs(notebook):
            RUNNER.without_widget(output)
    assert set(both.cells[0].outputs[0].data) == {"text/plain", "text/html"}
    assert set(alone.cells[0].outputs[0].data) == {RUNNER.WIDGET}


def test_a_long_plain_text_gives_way_to_html_and_a_table_s_does_not():
    shown = {"text/html": "<p>", "text/plain": "Result(name='lesion', meta={'time': '12:00'})"}
    table = {"text/html": "<p>", "text/plain": "   a  b\n0  1  2"}
    alone = {"text/plain": "Result(name='lesion')"}
    kept = []
    for data in (shown, table, alone):
        output = nbformat.v4.new_output("execute_result", dict(data))
        RUNNER.without_repr(output)
        kept.append(output.data["text/plain"])
    assert kept == ["Result(...)", table["text/plain"], alone["text/plain"]]


def test_seconds_that_change_with_every_run_are_left_out():
    output = nbformat.v4.new_output(
        "execute_result", {"text/html": "1 of 9 steps computed, 0.02 s."}
    )
    RUNNER.without_seconds(output)
    assert output.data["text/html"] == "1 of 9 steps computed."


@pytest.mark.long
def test_a_cell_that_fails_is_named_with_its_error(tmp_path):
    script = tmp_path / "a.py"
    script.write_text("# %%\n1\n\n# %%\nraise ValueError('no such block')\n")
    made = RUNNER.run(script)
    assert "ValueError: no such block" in made.error
    assert made.notebook.cells[0].outputs[0].data["text/plain"] == "1"


@pytest.mark.long
def test_notebooks_run_and_give_what_is_stored():
    command = [sys.executable, FOLDER / "run.py", "--check", "--jobs", "2"]
    done = subprocess.run(command, timeout=800, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {line.split(":")[0] for line in done.stdout.splitlines()} == set(NAMES)
