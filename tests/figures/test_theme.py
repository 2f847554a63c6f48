from __future__ import annotations

import matplotlib as mpl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import cbook

from resprobe.figures.theme import drawn, short_text, style, theme, wrapped


def test_neighbours_differ_in_colour_marker_and_line_at_once():
    for first, second in ((style(i), style(i + 1)) for i in range(40)):
        assert first.colour != second.colour
        assert first.marker != second.marker
        assert first.dashes != second.dashes


def test_settings_hold_inside_the_block_and_are_the_readers_own_after_it():
    with mpl.rc_context({"svg.fonttype": "path", "axes.grid": False, "font.size": 31.0}):
        with theme():
            assert mpl.rcParams["svg.fonttype"] == "none"
            assert mpl.rcParams["pdf.fonttype"] == 42
        assert mpl.rcParams["svg.fonttype"] == "path"
        assert mpl.rcParams["font.size"] == 31.0


def test_settings_come_back_after_an_exception():
    before = dict(mpl.rcParams)
    with pytest.raises(RuntimeError), theme():
        raise RuntimeError
    assert dict(mpl.rcParams) == before


@given(st.text())
def test_no_text_is_read_as_mathematics_and_it_comes_out_as_it_went_in(text):
    safe = drawn(text)
    assert not cbook.is_math_text(safe)
    assert safe.replace(r"\$", "$") == text.replace(r"\$", "$")


@given(st.text(max_size=300), st.integers(5, 80))
def test_a_short_text_is_one_printable_line_of_a_bounded_length(text, limit):
    shown = short_text(text, limit=limit)
    assert shown.isprintable()
    assert 0 < len(shown) <= max(limit, len("(no name)"))


def test_a_long_name_keeps_its_beginning_and_its_end():
    assert short_text("runs/" + "x" * 90 + "/best.pt", limit=20) == "runs/xxxxx…x/best.pt"


def test_lines_fit_the_width():
    lines = wrapped("word " * 60, width=3.5, points=6).split("\n")
    assert len(lines) > 1
    assert max(map(len, lines)) * 0.56 * 6 <= 3.5 * 72
