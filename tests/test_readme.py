"""Every command and every line of Python in the README is run as it stands there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def blocks(language):
    text = (ROOT / "README.md").read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def test_the_readme_opens_with_the_two_commands():
    first = blocks("sh")[0].splitlines()
    assert [line.split("#")[0].strip() for line in first] == ["make demo", "make test"]
    assert (ROOT / "README.md").read_text().startswith("# resprobe\n\n```sh\nmake demo")


def test_the_main_path_runs_as_it_is_written(tmp_path):
    lines = "".join(blocks("sh")[1:]).splitlines()
    commands = [line for line in lines if line.startswith("resprobe ")]
    assert len(commands) >= 6
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for command in commands:
        done = subprocess.run(
            command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        assert done.stdout.strip(), command
    results = {path.name for path in (tmp_path / "results").iterdir()}
    kinds = {
        f"{name}.{ending}"
        for name in ("lesion", "gradflow")
        for ending in ("csv", "json", "png", "svg")
    }
    assert kinds <= results

    analysis, watching = blocks("python")
    for python, printed in ((analysis, "delete:8"), (watching, "layer3.2")):
        done = subprocess.run(
            [sys.executable, "-c", python],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert printed in done.stdout
    assert (tmp_path / "gradflow.png").stat().st_size > 10_000


def test_every_link_in_the_readme_leads_to_a_file():
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text())
    assert len(links) >= 4
    missing = [
        link for link in links if not link.startswith("https:") and not (ROOT / link).exists()
    ]
    assert not missing


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_every_make_target_that_is_named_exists(document):
    targets = set(re.findall(r"make ([a-z-]+)", (ROOT / document).read_text()))
    made = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert targets <= made
    assert targets
