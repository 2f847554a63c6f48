from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from resprobe.figures.marks import draw_bars, draw_series, draw_transitions, mark_bottom
from resprobe.figures.series import Series
from resprobe.figures.theme import PAPER, style, theme

X = np.arange(4.0)


def series(kinds=("identity", "transition", "identity", "transition")):
    return Series("net", "net", pd.DataFrame({"kind": kinds}), style(0))


def test_transitions_are_diamonds_in_the_colour_of_their_network(ax):
    entries = draw_transitions(ax, series(), X, X + 1)
    (diamonds,) = ax.lines
    assert diamonds.get_marker() == "D"
    assert diamonds.get_xydata().tolist() == [[1, 2], [3, 4]]
    assert diamonds.get_markeredgecolor() == style(0).colour
    assert diamonds.get_markerfacecolor() == PAPER
    assert [label for _, label in entries] == ["transition"]


def test_the_diamonds_of_a_filled_curve_are_filled(ax):
    draw_transitions(ax, series(), X, X, filled=True)
    assert ax.lines[0].get_markerfacecolor() == style(0).colour


def test_a_transition_without_a_value_has_no_diamond(ax):
    draw_transitions(ax, series(), X, np.array([1.0, np.nan, 1.0, 2.0]))
    assert ax.lines[0].get_xdata().tolist() == [3]


def test_on_a_logarithmic_axis_a_value_of_zero_has_no_diamond(ax):
    ax.set_yscale("log")
    draw_transitions(ax, series(), X, np.array([1.0, 0.0, 1.0, 2.0]))
    assert ax.lines[0].get_xdata().tolist() == [3]


@pytest.mark.parametrize("rows", [pd.DataFrame({"kind": ["identity"] * 4}), pd.DataFrame(index=X)])
def test_without_transitions_nothing_is_drawn_or_named(ax, rows):
    assert draw_transitions(ax, Series("net", "net", rows, style(0)), X, X) == []
    assert len(ax.lines) == 0


def test_bars_reach_from_end_to_end_and_unknown_ones_are_left_out(ax):
    low, high = np.array([0.5, np.nan, 2.0, 3.0]), np.array([1.5, 2.0, 4.0, np.nan])
    assert draw_bars(ax, "red", X, low, high)
    (bars,) = ax.collections
    assert [s.tolist() for s in bars.get_segments()] == [[[0, 0.5], [0, 1.5]], [[2, 2], [2, 4]]]
    assert not draw_bars(ax, "red", X, np.full(4, np.nan), high)


def test_limits_that_are_set_move_out_to_the_ends_of_bars(ax):
    ax.set_ylim(0, 1)
    draw_bars(ax, "red", X, X - 2, X + 2)
    assert ax.get_ylim() == (-2, 5)


def test_on_a_logarithmic_axis_a_bar_that_reaches_zero_ends_at_the_edge(ax):
    ax.set_yscale("log")
    ax.set_ylim(0.1, 2)
    draw_bars(ax, "red", X, np.full(4, -1.0), np.full(4, 10.0))
    assert {segment[0, 1] for segment in ax.collections[0].get_segments()} == {0.1}
    assert ax.get_ylim()[1] == pytest.approx(11)


def marked(line) -> int:
    return int(np.sum(line.get_markevery()))


def test_of_a_thousand_points_some_have_a_mark_and_of_ten_all(ax):
    assert marked(draw_series(ax, series(), np.arange(10.0), np.ones(10))) == 10
    with theme():
        line = draw_series(ax, series(), np.arange(1000.0), np.ones(1000))
    assert 50 < marked(line) < 250
    assert line.get_markersize() == 1.5


def test_of_a_thousand_points_one_that_no_line_reaches_has_a_mark(ax):
    y = np.ones(1000)
    y[[500, 502]] = np.nan
    line = draw_series(ax, series(), np.arange(1000.0), y)
    assert line.get_markevery()[501]


def test_infinities_leave_a_gap_and_are_marked_below(ax):
    y = np.array([1.0, np.inf, 2.0, -np.inf])
    line = draw_series(ax, series(), X, y)
    np.testing.assert_array_equal(line.get_ydata(), [1, np.nan, 2, np.nan])
    mark_bottom(ax, series(), X[~np.isfinite(y)], marker="x")
    assert ax.lines[-1].get_xdata().tolist() == [1, 3]
    assert set(ax.lines[-1].get_ydata()) == {0.025}
