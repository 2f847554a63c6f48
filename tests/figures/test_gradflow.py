from __future__ import annotations

import numpy as np
import pytest

from resprobe.errors import InputError
from resprobe.figures import figure, plot_gradient_norm, plot_gradient_split
from resprobe.results import Result

NORMS = [4.0, 2.0, 1.0, 0.5, 0.25, 0.125]


def test_norms_stand_on_a_logarithmic_axis_over_their_block(fake, ax, shown):
    plot_gradient_norm(fake.gradflow(resnet14=NORMS), ax)
    line = shown.line(ax, "resnet14")
    assert line.get_xdata().tolist() == [0, 1, 2, 3, 4, 5]
    assert line.get_ydata().tolist() == NORMS
    assert ax.get_yscale() == "log"
    low, high = ax.get_ylim()
    assert low < 0.125 < 4.0 < high


def test_networks_of_different_depth_share_a_relative_axis(fake, ax, shown):
    plot_gradient_norm(fake.gradflow(plain8=[3.0, 2.0, 1.0], resnet14=NORMS), ax)
    assert shown.line(ax, "plain8").get_xdata().tolist() == [0, 0.5, 1]
    np.testing.assert_allclose(shown.line(ax, "resnet14").get_xdata(), np.arange(6) / 5)
    assert ax.get_xlabel() == "Position of the block (0 first, 1 last)"


def test_the_order_of_the_rows_does_not_matter(fake, ax, shown):
    result = fake.gradflow(resnet14=NORMS)
    plot_gradient_norm(Result("gradflow", result.frame.iloc[::-1], result.meta), ax)
    assert shown.line(ax, "resnet14").get_ydata().tolist() == NORMS


def test_a_gradient_of_zero_and_one_that_is_not_finite_are_marked_and_named(fake, ax, shown):
    norms = [4.0, 0.0, 1.0, float("nan"), float("inf"), 0.125]
    plot_gradient_norm(fake.gradflow(plain14=norms), ax)
    (zeros,), (lost,) = shown.marks(ax, "$0$"), shown.marks(ax, "x")
    assert zeros.get_xdata().tolist() == [1]
    assert lost.get_xdata().tolist() == [3, 4]
    assert shown.legend(ax) == ["plain14", "exactly 0", "not finite"]
    assert np.isfinite(shown.line(ax, "plain14").get_ydata()).tolist() == [1, 0, 1, 0, 0, 1]


def test_gradients_that_are_all_zero_leave_an_axis_without_numbers(fake, ax, shown):
    plot_gradient_norm(fake.gradflow(plain14=[0.0] * 6), ax)
    assert ax.get_yscale() == "linear"
    assert len(ax.get_yticks()) == 0
    assert "exactly 0" in shown.legend(ax)


def test_standard_errors_are_drawn_where_the_frame_has_them(fake, ax, shown):
    result = fake.gradflow(resnet14=NORMS)
    result.frame["input_se"] = 0.1 * result.frame["input"]
    plot_gradient_norm(result, ax)
    (bars,) = shown.bars(ax)
    np.testing.assert_allclose(bars[0::2, 1], 0.9 * np.array(NORMS))
    np.testing.assert_allclose(bars[1::2, 1], 1.1 * np.array(NORMS))
    assert "± standard error" in shown.legend(ax)


def test_a_standard_error_above_the_mean_does_not_leave_the_logarithmic_axis(fake, ax, shown):
    result = fake.gradflow(resnet14=NORMS)
    result.frame["input_se"] = 3 * result.frame["input"]
    plot_gradient_norm(result, ax)
    (bars,) = shown.bars(ax)
    assert (bars[:, 1] > 0).all()


def test_the_split_shows_both_parts_of_residual_networks_alone(fake, ax, shown):
    plot_gradient_split(fake.gradflow(resnet14=NORMS, plain14=NORMS), ax)
    identity, residual = (line for line in ax.lines if line.get_label() == "resnet14")
    np.testing.assert_allclose(identity.get_ydata(), 0.8 * np.array(NORMS))
    np.testing.assert_allclose(residual.get_ydata(), 0.4 * np.array(NORMS))
    assert identity.get_linestyle() != residual.get_linestyle()
    assert identity.get_markerfacecolor() != residual.get_markerfacecolor()
    assert shown.legend(ax) == ["resnet14", "identity part", "residual part"]


def test_meta_says_who_is_plain_and_not_the_name(fake, ax, shown):
    result = fake.gradflow(mine=NORMS, resnet14=NORMS)
    result.meta["networks"][0]["plain"] = True
    plot_gradient_split(result, ax)
    assert "mine" not in shown.legend(ax)


def test_the_split_keeps_the_colour_that_the_network_has_beside_it(fake):
    made = figure(fake.gradflow(plain14=NORMS, resnet14=NORMS))
    norm, split = made.axes
    of = [next(x for x in ax.lines if x.get_label() == "resnet14") for ax in (norm, split)]
    assert of[0].get_color() == of[1].get_color()
    assert of[0].get_marker() == of[1].get_marker()


def test_plain_networks_alone_have_one_panel_and_no_split(fake, ax):
    result = fake.gradflow(plain14=NORMS)
    assert len(figure(result).axes) == 1
    with pytest.raises(InputError, match="has residual blocks"):
        plot_gradient_split(result, ax)


def test_a_network_of_one_block_and_one_of_six_hundred(fake, ax, shown):
    many = list(np.geomspace(1, 1e-3, 600))
    plot_gradient_norm(fake.gradflow(resnet2=[1.0], resnet1202=many), ax)
    assert shown.line(ax, "resnet2").get_xdata().tolist() == [0]
    assert len(shown.line(ax, "resnet1202").get_xdata()) == 600


def test_a_row_without_a_block_is_refused(fake, ax):
    result = fake.gradflow(resnet14=NORMS)
    result.frame["block"] = np.nan
    with pytest.raises(InputError, match="names no block"):
        plot_gradient_norm(result, ax)


def test_an_empty_frame_is_refused(fake, ax):
    result = fake.gradflow(resnet14=NORMS)
    for draw in (plot_gradient_norm, plot_gradient_split):
        with pytest.raises(InputError, match="no rows"):
            draw(Result("gradflow", result.frame.iloc[:0], result.meta), ax)
