"""Every command in docs/lesion.md is run as it stands there."""

import re
import subprocess
import sys

import pytest
from lesion_frames import COLUMNS, STUDIES
from pages import ROOT, blocks, page, printed, printed_by_python

DOCS = ROOT / "docs"
PAGE = page("docs/lesion.md")
COMMANDS = blocks(PAGE, "sh")


@pytest.mark.long
def test_the_commands_and_the_python_run_in_the_order_of_the_page(tmp_path):
    assert len(COMMANDS) == 9
    for block in COMMANDS:
        assert printed(block, tmp_path).strip(), block
    assert (tmp_path / "small.pt").exists()
    assert (tmp_path / "classes" / "lesion-classes.png").exists()
    assert not list(tmp_path.glob("*/*.part"))
    (python,) = blocks(PAGE, "python")
    printed_by_python(python, tmp_path)
    assert (tmp_path / "random.png").stat().st_size > 10_000


def test_every_study_has_its_command():
    named = set(re.findall(r"--study (\w+)", PAGE))
    assert named == set(STUDIES)


def test_every_column_is_explained():
    explained = {
        name
        for line in PAGE.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(\w+)`", line)
    }
    bare = {name.removesuffix("_low").removesuffix("_high") for name in COLUMNS}
    assert bare <= explained


def test_every_option_on_the_page_is_one_of_the_command(ok):
    options = set(re.findall(r"--[a-z][a-z-]+", PAGE)) - {
        "--arch",
        "--width",
        "--recipe",
        "--epochs",
    }
    page = ok("lesion", "--help").out
    assert options <= set(re.findall(r"--[a-z-]+", page))


def test_every_figure_of_the_page_is_there_and_small():
    figures = re.findall(r"\]\((figures/[^)]+)\)", PAGE)
    assert len(figures) == 3
    assert all((DOCS / name).stat().st_size < 250_000 for name in figures)


@pytest.fixture
def ok():
    """Return the function that runs a command of the command line."""
    from types import SimpleNamespace

    def run(*arguments):
        command = [sys.executable, "-m", "resprobe", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return SimpleNamespace(out=done.stdout)

    return run
