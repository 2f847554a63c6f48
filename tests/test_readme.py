"""Every command and every line of Python in the README is run as it stands there."""

import re

import pytest
from pages import ROOT, blocks, page, printed, printed_by_python

PAGE = page("README.md")


def test_the_readme_opens_with_the_two_commands():
    first = blocks(PAGE, "sh")[0].splitlines()
    assert [line.split("#")[0].strip() for line in first] == ["make demo", "make test"]
    assert PAGE.startswith("# resprobe\n\n```sh\nmake demo")


def test_the_main_path_runs_as_it_is_written(tmp_path):
    lines = "".join(blocks(PAGE, "sh")[1:]).splitlines()
    commands = [line for line in lines if line.startswith("resprobe ")]
    assert len(commands) >= 6
    for command in commands:
        assert printed(command, tmp_path).strip(), command
    results = {path.name for path in (tmp_path / "results").iterdir()}
    kinds = {
        f"{name}.{ending}"
        for name in ("lesion", "gradflow")
        for ending in ("csv", "json", "png", "svg")
    }
    assert kinds <= results

    analysis, watching = blocks(PAGE, "python")
    for python, wanted in ((analysis, "delete:8"), (watching, "layer3.2")):
        assert wanted in printed_by_python(python, tmp_path)
    assert (tmp_path / "gradflow.png").stat().st_size > 10_000


def test_every_link_in_the_readme_leads_to_a_file():
    links = re.findall(r"\]\(([^)#]+)\)", PAGE)
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
