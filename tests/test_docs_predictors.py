"""Every command and the Python in docs/predictors.md are run as they stand there."""

import re

import pytest
from pages import blocks, page, printed, printed_by_python

PAGE = page("docs/predictors.md")


@pytest.mark.long
def test_the_page_runs_as_it_is_written(tmp_path):
    (commands,), (python,) = blocks(PAGE, "sh"), blocks(PAGE, "python")
    printed(commands, tmp_path)
    assert "estimate" in printed_by_python(python, tmp_path)
    results = {path.name for path in (tmp_path / "results").iterdir()}
    for kind in ("predictors", "predictors-correlations"):
        assert {f"{kind}.{ending}" for ending in ("csv", "json", "png", "svg")} <= results


def test_every_column_that_the_page_explains_is_in_a_table():
    from resprobe.probes.damage.predictors import DAMAGES, PREDICTORS

    named = re.findall(r"^\| `(\w+)` \|", PAGE, flags=re.MULTILINE)
    assert named == [*PREDICTORS, *DAMAGES]
