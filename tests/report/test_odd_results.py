"""One odd result does not take the page with it."""

from __future__ import annotations

import pytest

from resprobe.errors import InputError
from resprobe.report import report_page


@pytest.mark.parametrize(
    "error", [ValueError("zero-size array\nto reduce"), IndexError("out of bounds"), KeyError("x"),
              InputError("no rows")]
)  # fmt: skip
def test_a_part_that_cannot_be_drawn_is_said_and_the_page_goes_on(
    fake, tmp_path, monkeypatch, outline, error
):
    def broken(*_arguments, **_options):
        raise error

    monkeypatch.setattr("resprobe.report.story.figure", broken)
    path = report_page([fake.gradflow(resnet8=[2.0, 1.0])], tmp_path / "page.html")
    said = outline(path.read_text("utf-8")).text
    first = str(error).splitlines()[0]
    assert f"This part cannot be shown: {first}." in said
    assert "How this was measured" in said


def test_what_the_pointer_says_may_fail_too(fake, tmp_path, monkeypatch, outline):
    def broken(*_arguments):
        raise ValueError("no curve")

    monkeypatch.setattr("resprobe.report.story.curves", broken)
    path = report_page([fake.gradflow(resnet8=[2.0, 1.0])], tmp_path / "page.html")
    assert "This part cannot be shown: no curve." in outline(path.read_text("utf-8")).text


def test_a_bug_is_no_odd_result(fake, tmp_path, monkeypatch):
    def broken(*_arguments, **_options):
        raise AttributeError("a bug")

    monkeypatch.setattr("resprobe.report.story.figure", broken)
    with pytest.raises(AttributeError):
        report_page([fake.gradflow(resnet8=[2.0, 1.0])], tmp_path / "page.html")
