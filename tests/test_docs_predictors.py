"""Every command and the Python in docs/predictors.md are run as they stand there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parent.parent / "docs" / "predictors.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.long
def test_the_page_runs_as_it_is_written(tmp_path):
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    (commands,), (python,) = blocks("sh"), blocks("python")
    for script in (["bash", "-e", "-c", commands], [sys.executable, "-c", python]):
        done = subprocess.run(
            script, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert "estimate" in done.stdout
    results = {path.name for path in (tmp_path / "results").iterdir()}
    for kind in ("predictors", "predictors-correlations"):
        assert {f"{kind}.{ending}" for ending in ("csv", "json", "png", "svg")} <= results


def test_every_column_that_the_page_explains_is_in_a_table():
    from resprobe.probes.damage.predictors import DAMAGES, PREDICTORS

    named = re.findall(r"^\| `(\w+)` \|", PAGE, flags=re.MULTILINE)
    assert named == [*PREDICTORS, *DAMAGES]
