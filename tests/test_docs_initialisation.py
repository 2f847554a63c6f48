"""Every command and the Python in docs/initialisation.md are run as they stand there."""

import re

import pytest
from pages import blocks, page, printed, printed_by_python

PAGE = page("docs/initialisation.md")


@pytest.mark.long
def test_the_page_runs_as_it_is_written(tmp_path):
    (commands,), (python,) = blocks(PAGE, "sh"), blocks(PAGE, "python")
    printed(commands, tmp_path)
    assert "branch_share_law" in printed_by_python(python, tmp_path)
    files = {path.name for path in (tmp_path / "results").iterdir()}
    assert {f"initialisation.{ending}" for ending in ("csv", "json", "png", "svg")} <= files


def test_every_column_that_the_page_explains_is_in_the_table():
    from resprobe.probes.signals.study import FIGURES

    named = re.findall(r"^\| `(\w+)` \|", PAGE, flags=re.MULTILINE)
    assert named == [*FIGURES, "branch_max", "is_identity"]


@pytest.mark.parametrize("law", ["shortcut_variance", "branch_share", "gradient_norm"])
def test_every_law_is_named(law):
    assert f"`{law}_law`" in PAGE
