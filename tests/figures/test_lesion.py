from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex

from resprobe.errors import InputError
from resprobe.figures import plot_lesion
from resprobe.figures.theme import PAPER, style
from resprobe.results import Result

ERRORS = [0.1, 0.2, 0.3, 0.4, 0.9, 0.25, 0.35]


def test_each_deletion_stands_at_its_error_in_percent_over_its_block(fake, ax, shown):
    plot_lesion(fake.lesion(resnet14=ERRORS), ax)
    line = shown.line(ax, "resnet14")
    np.testing.assert_allclose(line.get_xdata(), range(6), atol=1e-12)
    np.testing.assert_allclose(line.get_ydata(), [20, 30, 40, 90, 25, 35])
    assert ax.get_xlabel() == "Deleted block (0 is nearest the input)"
    assert ax.get_ylabel() == "Test error after the deletion (%)"


def test_the_order_of_the_rows_does_not_matter(fake, ax, shown):
    result = fake.lesion(resnet14=ERRORS)
    plot_lesion(Result("lesion", result.frame.iloc[::-1], result.meta), ax)
    np.testing.assert_allclose(shown.line(ax, "resnet14").get_ydata(), [20, 30, 40, 90, 25, 35])


def test_bars_are_the_intervals_of_the_frame(fake, ax, shown):
    result = fake.lesion(resnet14=ERRORS)
    plot_lesion(result, ax)
    (bars,) = shown.bars(ax)
    rows = result.frame.iloc[1:]
    np.testing.assert_allclose(bars[0::2, 1], 100 * (1 - rows["accuracy_high"]))
    np.testing.assert_allclose(bars[1::2, 1], 100 * (1 - rows["accuracy_low"]))
    np.testing.assert_allclose(bars[0::2, 0], range(6), atol=1e-12)
    assert "95 % interval" in shown.legend(ax)


def test_the_intact_network_is_a_dashed_line_and_chance_a_dotted_one(fake, ax, shown):
    plot_lesion(fake.lesion(resnet14=ERRORS), ax)
    levels = {line.get_ydata()[0] for line in ax.lines if list(line.get_xdata()) == [0, 1]}
    assert sorted(levels) == pytest.approx([10.0, 90.0])
    assert {"intact", "chance, 90 %"} <= set(shown.legend(ax))


def test_chance_far_above_the_errors_is_said_and_not_drawn(fake, ax, shown):
    plot_lesion(fake.lesion(resnet14=[0.05, 0.06, 0.08, 0.07]), ax)
    assert "chance, 90 %, is above the axis" in shown.legend(ax)
    assert ax.get_ylim()[1] < 15


def test_chance_is_left_out_where_the_number_of_classes_is_unknown(fake, ax, shown):
    plot_lesion(Result("lesion", fake.lesion(resnet14=ERRORS).frame, {}), ax)
    assert not [label for label in shown.legend(ax) if "chance" in label]
    assert ax.get_ylabel() == "Error after the deletion (%)"


def test_transitions_are_open_diamonds(fake, ax, shown):
    plot_lesion(fake.lesion(resnet14=ERRORS), ax)
    (diamonds,) = shown.marks(ax, "D")
    np.testing.assert_allclose(diamonds.get_xdata(), [2, 4])
    np.testing.assert_allclose(diamonds.get_ydata(), [40, 25])
    assert to_hex(diamonds.get_markerfacecolor()) == PAPER
    assert "transition" in shown.legend(ax)


def test_blocks_that_cannot_be_deleted_are_crosses_at_the_lower_edge(fake, ax, shown):
    plot_lesion(fake.lesion(plain14=[0.1, 0.9, 0.9, None, 0.9, None, 0.9]), ax)
    (crosses,) = shown.marks(ax, "x")
    assert crosses.get_xdata().tolist() == [2, 4]
    assert (crosses.get_ydata() < 0.05).all()
    assert crosses.get_transform() == ax.get_xaxis_transform()
    assert np.isnan(shown.line(ax, "plain14").get_ydata()[[2, 4]]).all()
    assert "cannot be deleted" in shown.legend(ax)
    assert "transition" not in shown.legend(ax)


def test_a_deletable_block_without_a_figure_is_not_lost(fake, ax, shown):
    result = fake.lesion(resnet14=ERRORS)
    result.frame.loc[2, ["error", "accuracy_low", "accuracy_high"]] = np.nan
    plot_lesion(result, ax)
    (marks,) = shown.marks(ax, "$?$")
    assert marks.get_xdata().tolist() == [1]
    assert "no figure" in shown.legend(ax)


def test_networks_of_equal_depth_stand_beside_each_other_in_their_own_style(fake, ax, shown):
    plot_lesion(fake.lesion(plain14=ERRORS, resnet14=ERRORS), ax)
    plain, residual = shown.line(ax, "plain14"), shown.line(ax, "resnet14")
    assert (plain.get_xdata() < residual.get_xdata()).all()
    assert (np.abs(plain.get_xdata() - np.arange(6)) < 0.3).all()
    assert plain.get_color() == style(0).colour
    assert residual.get_color() == style(1).colour
    assert plain.get_marker() != residual.get_marker()
    assert plain.get_linestyle() != residual.get_linestyle()


def test_networks_of_different_depth_share_a_relative_axis(fake, ax, shown):
    results = [fake.lesion(resnet14=ERRORS), fake.lesion(resnet8=[0.1, 0.2, 0.3, 0.4])]
    plot_lesion(results, ax)
    np.testing.assert_allclose(shown.line(ax, "resnet14").get_xdata(), np.arange(6) / 5)
    np.testing.assert_allclose(shown.line(ax, "resnet8").get_xdata(), [0, 0.5, 1])
    assert ax.get_xlabel() == "Position of the deleted block (0 first, 1 last)"
    assert "stages: resnet14" in shown.legend(ax)


def test_every_second_stage_of_the_first_network_is_shaded(fake, ax):
    plot_lesion(fake.lesion(resnet14=ERRORS), ax)
    (shade,) = ax.patches
    assert (shade.get_x(), shade.get_x() + shade.get_width()) == (1.5, 3.5)
    names = [text.get_text() for text in ax.texts]
    assert names == ["stage 1", "stage 2", "stage 3"]


def test_a_frame_without_stages_is_drawn_without_shading(fake, ax):
    result = fake.lesion(resnet14=ERRORS)
    plot_lesion(Result("lesion", result.frame.drop(columns=["stage", "name"]), result.meta), ax)
    assert not ax.patches


def test_a_network_of_one_block(fake, ax, shown):
    plot_lesion(fake.lesion(resnet2=[0.1, 0.5]), ax)
    assert shown.line(ax, "resnet2").get_xydata().tolist() == [[0, 50]]


def test_six_hundred_blocks_keep_every_point_and_shrink_the_markers(fake, ax, shown):
    errors = list(np.linspace(0.1, 0.4, 600))
    plot_lesion(fake.lesion(resnet1202=[0.1, *errors]), ax)
    line = shown.line(ax, "resnet1202")
    assert len(line.get_xdata()) == 600
    assert line.get_markersize() < 2


def test_no_intact_row_leaves_the_dashed_line_out(fake, ax, shown):
    result = fake.lesion(resnet14=ERRORS)
    plot_lesion(Result("lesion", result.frame.iloc[1:], result.meta), ax)
    assert "intact" not in shown.legend(ax)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.iloc[:0], "has no rows"),
        (lambda f: f.iloc[:1], "has no deletions"),
        (lambda f: f.assign(k=2), "single deletions"),
        (lambda f: f.assign(blocks="0,1"), "names one block"),
        (lambda f: f.drop(columns=["error", "k"]), "lacks the column k, error"),
        (lambda f: f.assign(error="high"), "holds text where numbers belong"),
    ],
)
def test_a_frame_that_cannot_be_drawn_is_refused_in_one_sentence(fake, ax, change, message):
    result = fake.lesion(resnet14=ERRORS)
    with pytest.raises(InputError, match=message) as caught:
        plot_lesion(Result("lesion", change(result.frame), result.meta), ax)
    assert "\n" not in str(caught.value)


def test_another_kind_of_result_is_refused(fake, ax):
    with pytest.raises(InputError, match="draws a result named 'lesion' and got one named 'train'"):
        plot_lesion(fake.train(resnet8=[(0.5, 0.6)]), ax)
