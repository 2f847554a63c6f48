"""Every command and the Python in docs/report.md are run as they stand there."""

import re

import pytest
from pages import blocks, page, printed, printed_by_python

PAGE = page("docs/report.md")


@pytest.mark.long
def test_the_page_runs_as_it_is_written(tmp_path):
    (commands,), (python,) = blocks(PAGE, "sh"), blocks(PAGE, "python")
    printed(commands, tmp_path)
    shown = printed_by_python(python, tmp_path)
    assert "gradflow" in shown
    assert (tmp_path / "again.html").read_bytes() == (tmp_path / "r14.html").read_bytes()
    for name in re.findall(r"^(r14-results/\S+?)[, ]", PAGE, flags=re.MULTILINE):
        assert (tmp_path / name).exists(), name


def test_the_numbers_of_images_are_those_of_the_survey():
    from resprobe.surveys import Counts

    counts = Counts()
    assert f"({counts.paths} for paths, {counts.magnitude:,} for sizes and read-outs" in PAGE
    assert f"{counts.gradflow} for gradients)" in PAGE.replace("\n", " ")
    assert counts.readout == counts.magnitude
    assert counts.lesion is None


def test_the_defaults_are_those_of_the_commands():
    from resprobe.cli.commands import gradflow, magnitude, paths, readout
    from resprobe.surveys import Counts

    assert Counts() == Counts(
        paths=paths.PATHS_IMAGES,
        magnitude=magnitude.MAGNITUDE_IMAGES,
        gradflow=gradflow.GRADFLOW_IMAGES,
        readout=readout.READOUT_IMAGES,
    )


def test_every_section_that_the_page_names_has_a_chapter():
    from resprobe.report.chapters import CHAPTERS

    kinds = {chapter.kind.split("-")[0] for chapter in CHAPTERS}
    rows = re.findall(r"^\| .* \| (`.*`) \|.*\|$", PAGE, flags=re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named == kinds | {"describe"}
