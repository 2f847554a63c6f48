"""Every lesion study as a figure, from results made without a network (see lesion_frames)."""

from __future__ import annotations

import numpy as np
import pytest
from lesion_frames import PLAIN, RESIDUAL, STUDIES, VGG, Net, result
from matplotlib.colors import to_hex

from resprobe.errors import InputError
from resprobe.figures import COLUMN, PAGE, figure, footer, plot, plot_classes, plot_lesion
from resprobe.figures.theme import PAPER, style
from resprobe.results import Result
from resprobe.statistics import spread

LONG = Net("resnet110:order=full-pre:survival=0.5:init=zero-bn", 54, intact=0.06)
SHORT = {"random": {"most": 5, "draws": 3}, "shuffle": {"most": 5, "draws": 3}}
HOSTILE = Net("_<script>alert('$x^2$')</script>\n", 9)


def of_single(frame):
    return frame[(frame["lesion"] != "intact") & ~frame["selection"]]


def columns_of(line):
    return np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)


@pytest.mark.long
@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize(
    ("width", "nets"),
    [(COLUMN, [PLAIN, HOSTILE, VGG]), (PAGE, [LONG])],
    ids=["three in a column", "54 blocks on a page"],
)
def test_nothing_is_clipped_and_no_legend_covers_anything(study, width, nets):
    made = figure(result(study, *nets), width=width)
    made.draw_without_rendering()
    for ax in made.axes:
        assert ax.get_legend().get_window_extent().y0 >= ax.bbox.y1
        assert ax.bbox.height > 0.6 * made.dpi
        assert ax.bbox.width > 0.8 * made.dpi
    whole = made.get_tightbbox()
    assert whole.x0 * made.dpi >= -2
    assert whole.y0 * made.dpi >= -2
    assert whole.x1 * made.dpi <= made.bbox.x1 + 2
    assert whole.y1 * made.dpi <= made.bbox.y1 + 2


@pytest.mark.parametrize("study", STUDIES)
def test_drawing_leaves_the_result_as_it_was(study):
    found = result(study, PLAIN, recalibrate=True, **SHORT.get(study, {}))
    before = found.frame.copy(deep=True)
    figure(found)
    assert found.frame.equals(before)


@pytest.mark.parametrize("study", STUDIES)
def test_images_without_labels_are_drawn_by_how_many_answers_changed(study):
    made = figure(result(study, PLAIN, RESIDUAL, labelled=False, **SHORT.get(study, {})))
    ax = made.axes[0]
    assert not any("chance" in text.get_text() for text in ax.get_legend().get_texts())
    if study != "pairs":
        assert ax.get_ylabel().startswith("Changed answers")
        assert ax.get_ylim()[0] == 0


def test_changed_answers_are_what_is_left_of_the_agreement(ax, shown):
    found = result("single", RESIDUAL, labelled=False)
    plot_lesion(found, ax)
    rows = of_single(found.frame)
    np.testing.assert_allclose(
        shown.line(ax, "resnet20").get_ydata(), 100 * (1 - rows["agreement"])
    )
    (bars,) = shown.bars(ax)
    np.testing.assert_allclose(bars[0::2, 1], 100 * (1 - rows["agreement_high"]))
    assert "intact" not in shown.legend(ax)


def test_one_network_without_labels_puts_all_on_the_axis_of_changed_answers(ax):
    plot_lesion([result("single", RESIDUAL), result("single", PLAIN, labelled=False)], ax)
    assert ax.get_ylabel().startswith("Changed answers")


def test_recalibrated_figures_stand_beside_the_raw_ones_as_light_open_marks(ax, shown):
    found = result("single", RESIDUAL, recalibrate=True)
    plot_lesion(found, ax)
    rows = found.frame[(found.frame["batch_norm"] == "recalibrated") & (found.frame["k"] == 1)]
    light = [line for line in ax.lines if line.get_alpha() == 0.6]
    x, y = (np.concatenate(part) for part in zip(*map(columns_of, light), strict=True))
    order = np.argsort(x)
    np.testing.assert_allclose(x[order], range(9), atol=1e-12)
    np.testing.assert_allclose(y[order], 100 * rows["error"])
    assert {to_hex(line.get_markerfacecolor()) for line in light} == {PAPER}
    assert "BatchNorm recalibrated" in shown.legend(ax)
    assert len(shown.line(ax, "resnet20").get_ydata()) == 9


def test_layers_are_called_layers(ax):
    plot_lesion(result("layers", PLAIN), ax)
    assert ax.get_xlabel() == "Deleted block or layer (0 is nearest the input)"


def test_the_intervals_level_is_that_of_the_result(ax, shown):
    found = result("single", RESIDUAL)
    plot_lesion(Result("lesion", found.frame, {**found.meta, "confidence": 0.9875}), ax)
    assert "98.75 % interval" in shown.legend(ax)


def test_the_small_print_says_how_much_was_drawn_and_how_narrowly_it_was_measured():
    found = result("random", RESIDUAL, most=2, draws=5)
    meta = {**found.meta, "settings": {"most": 2, "draws": 5}, "tolerance": 0.005}
    said = footer(Result("lesion", found.frame, meta))
    assert "5 draws of each number · measured to ±0.5 points" in said


def test_random_deletions_show_every_draw_and_the_mean_with_its_t_interval(ax, shown):
    found = result("random", RESIDUAL, most=4, draws=6)
    plot_lesion(found, ax)
    rows = found.frame[found.frame["k"] > 0]
    x, y = columns_of(shown.line(ax, "resnet20"))
    np.testing.assert_allclose(x, range(5))
    means = [100 * spread(rows["error"][rows["k"] == k].to_list()).mean for k in range(1, 5)]
    np.testing.assert_allclose(y, [8, *means])
    (bars,) = shown.bars(ax)
    lows = [100 * spread(rows["error"][rows["k"] == k].to_list()).low for k in range(1, 5)]
    np.testing.assert_allclose(bars[0::2, 1], lows)
    dots, diamonds = shown.marks(ax, "."), shown.marks(ax, "D")
    assert len(dots[0].get_xdata()) == (rows["transitions"] == 0).sum()
    assert len(diamonds[0].get_xdata()) == (rows["transitions"] > 0).sum()
    assert {"one draw", "with transition", "chance, 90 %"} <= set(shown.legend(ax))


def test_one_draw_has_a_mean_and_no_interval(ax, shown):
    plot_lesion(result("random", RESIDUAL, most=3, draws=1), ax)
    assert np.isfinite(shown.line(ax, "resnet20").get_ydata()).all()
    assert shown.bars(ax) == []


def test_orders_are_drawn_over_tau_from_one_downwards(ax, shown):
    found = result("shuffle", RESIDUAL, most=3, draws=4)
    plot_lesion(found, ax)
    left, right = ax.get_xlim()
    assert left > 1 > found.frame["kendall_tau"].min() > right
    x, y = columns_of(shown.line(ax, "resnet20"))
    assert (x[0], y[0]) == (1, pytest.approx(8))
    assert (np.diff(x) < 0).all()
    rows = found.frame[found.frame["k"] > 0]
    group = rows["kendall_tau"] >= 0.95
    assert x[1] == pytest.approx(rows["kendall_tau"][group].mean())
    assert y[1] == pytest.approx(100 * rows["error"][group].mean())
    assert sum(len(line.get_xdata()) for mark in ".D" for line in shown.marks(ax, mark)) == 12


def test_pairs_are_a_symmetric_map_with_single_rises_on_its_diagonal():
    found = result("pairs", RESIDUAL)
    ax = plot(found)
    (image,) = ax.images
    values = np.asarray(image.get_array())
    frame = found.frame
    pair = frame[frame["lesion"] == "delete:2+5"].iloc[0]
    assert values[2, 5] == values[5, 2] == pytest.approx(100 * pair["interaction"])
    alone = frame[frame["k"] == 1]["error_rise"]
    np.testing.assert_allclose(np.diag(values), 100 * alone)
    limit = 100 * frame["interaction"].abs().max()
    assert (image.norm.vmin, image.norm.vmax) == (pytest.approx(-limit), pytest.approx(limit))


def test_signs_mark_the_interactions_whose_interval_excludes_zero():
    found = result("pairs", RESIDUAL)
    frame = found.frame.assign(interaction_low=-1.0, interaction_high=1.0)
    chosen = frame["lesion"] == "delete:2+5"
    frame.loc[chosen, "interaction_low"] = 0.001
    ax = plot(Result("lesion", frame, found.meta))
    signs = [line for line in ax.lines if line.get_marker() in ("+", "_") and len(line.get_xdata())]
    value = frame.loc[chosen, "interaction"].item()
    assert {line.get_marker() for line in signs} == {"+" if value > 0 else "_"}
    places = [place for line in signs for place in map(tuple, line.get_xydata().tolist())]
    assert sorted(places) == [(2, 5), (5, 2)]


def test_pairs_have_a_panel_per_network_on_one_scale_and_show_what_cannot_be_deleted():
    made = figure(result("pairs", PLAIN, RESIDUAL))
    plain, residual = made.axes
    assert plain.images[0].norm.vmax == residual.images[0].norm.vmax
    assert np.ma.getmaskarray(plain.images[0].get_array())[3].all()
    titles = [ax.get_legend().get_title().get_text() for ax in made.axes]
    assert titles == ["plain20", "resnet20"]
    texts = [[t.get_text() for t in ax.get_legend().get_texts()] for ax in made.axes]
    assert "cannot be deleted" in texts[0]
    assert "cannot be deleted" not in texts[1]


@pytest.mark.parametrize("study", ["pairs", "scale"])
def test_several_networks_in_one_pair_of_axes_are_refused_where_each_needs_its_own(study, ax):
    found = result(study, PLAIN, RESIDUAL)
    with pytest.raises(InputError, match="a panel for each network, here 2"):
        plot_lesion(found, ax)
    assert plot_lesion(result(study, RESIDUAL), ax) is ax


@pytest.mark.parametrize(("panels", "columns"), [(1, 1), (2, 2), (3, 3), (4, 2), (5, 3)])
def test_panels_stand_side_by_side_at_most_three(panels, columns):
    nets = [Net(f"resnet{i}", 3) for i in range(panels)]
    made = figure(result("scale", *nets))
    assert len(made.axes) == panels
    assert made.axes[0].get_subplotspec().get_gridspec().ncols == columns


def test_recalibrated_pairs_have_a_panel_of_their_own():
    made = figure(result("pairs", RESIDUAL, recalibrate=True))
    titles = [ax.get_legend().get_title().get_text() for ax in made.axes]
    assert titles == ["resnet20", "resnet20, recalibrated"]
    raw, again = (np.diag(np.asarray(ax.images[0].get_array())) for ax in made.axes)
    assert again[3] < raw[3]


def test_dropping_is_drawn_in_the_order_of_dropping_with_the_blocks_numbers(ax, shown):
    found = result("greedy", RESIDUAL, most=9)
    plot_lesion(found, ax)
    rows = found.frame[~found.frame["selection"] & (found.frame["k"] > 0)]
    x, y = columns_of(shown.line(ax, "resnet20"))
    assert x.tolist() == list(range(1, 10))
    np.testing.assert_allclose(y, 100 * rows["error"])
    order = rows["blocks"].iloc[-1].split("+")
    assert [text.get_text() for text in ax.texts] == order
    (diamonds,) = shown.marks(ax, "D")
    assert [order[int(k) - 1] for k in diamonds.get_xdata()] == ["3", "6"]


def test_a_transition_that_goes_first_is_a_diamond_too(ax, shown):
    found = result("greedy", RESIDUAL, most=2)
    frame = found.frame.copy()
    frame.loc[frame["k"] > 0, "transitions"] = 1
    plot_lesion(Result("lesion", frame, found.meta), ax)
    (diamonds,) = shown.marks(ax, "D")
    assert diamonds.get_xdata().tolist() == [1]


def test_what_was_chosen_is_shown_on_the_images_that_it_was_chosen_by(ax, shown):
    found = result("greedy", RESIDUAL, most=3)
    plot_lesion(found, ax)
    frame = found.frame
    reported = frame[~frame["selection"] & (frame["k"] > 0)]["lesion"]
    rows = frame[frame["selection"] & frame["lesion"].isin(reported)]
    (light,) = [line for line in ax.lines if line.get_alpha() == 0.6]
    np.testing.assert_allclose(light.get_ydata(), 100 * rows["error"])
    assert "on the images chosen by" in shown.legend(ax)


def test_numbers_that_have_no_room_are_left_out_and_the_legend_says_how_many(shown):
    made = figure(result("greedy", LONG), width=COLUMN)
    (ax,) = made.axes
    (entry,) = [text for text in shown.shared(made) if text.startswith("block dropped")]
    every = int(entry.split("1 in ")[1].split()[0])
    assert len(ax.texts) == -(-54 // every)


def test_repetitions_are_told_apart_by_fill_and_what_changes_the_shape_is_crossed(ax, shown):
    found = result("repeat", RESIDUAL)
    plot_lesion(found, ax)
    twice, thrice = [
        line for line in ax.lines if line.get_fillstyle() in ("full", "none") and
        line.get_marker() == "o" and len(line.get_xdata()) == 9
    ]  # fmt: skip
    assert (twice.get_fillstyle(), thrice.get_fillstyle()) == ("full", "none")
    rows = found.frame[found.frame["times"] == 3]
    np.testing.assert_allclose(thrice.get_ydata(), 100 * rows["error"])
    (crosses,) = shown.marks(ax, "x")
    np.testing.assert_allclose(crosses.get_xdata(), [3, 6])
    assert {"applied 2 times", "applied 3 times", "changes the shape"} <= set(shown.legend(ax))


def test_scaled_branches_are_a_line_per_block_and_transitions_are_dashed():
    found = result("scale", RESIDUAL)
    ax = plot(found)
    lines = [line for line in ax.lines if len(line.get_xdata()) == 7]
    assert len(lines) == 9
    assert [line.get_marker() == "D" for line in lines] == [i in (3, 6) for i in range(9)]
    rows = found.frame[found.frame["blocks"] == "4"].sort_values("alpha")
    np.testing.assert_allclose(lines[4].get_xdata(), rows["alpha"])
    np.testing.assert_allclose(lines[4].get_ydata(), 100 * rows["error"])
    assert len({to_hex(line.get_color()) for line in lines}) == 9


def test_blocks_that_cannot_be_scaled_are_counted(shown):
    assert "not scalable: 2 blocks" in shown.shared(figure(result("scale", PLAIN)))


def by_class(found):
    rows = found.frame["class_name"] != ""
    return Result("lesion-classes", found.frame[rows], found.meta)


def test_damage_by_class_is_a_map_of_classes_and_blocks(ax):
    found = result("single", RESIDUAL, classes=True)
    plot_classes(found, ax)
    (image,) = ax.images
    values = np.asarray(image.get_array())
    frame = found.frame
    row = frame[(frame["class_name"] == "c7") & (frame["lesion"] == "delete:3")].iloc[0]
    assert values.shape == (10, 9)
    assert values[7, 3] == pytest.approx(100 * row["error_rise"])
    assert image.norm.vmin == -image.norm.vmax
    assert [text.get_text() for text in ax.get_yticklabels()] == [f"c{i}" for i in range(10)]


def test_classes_have_a_figure_of_their_own_with_a_panel_per_network():
    made = figure(by_class(result("single", PLAIN, RESIDUAL, classes=True)))
    assert len(made.axes) == 2
    assert np.ma.getmaskarray(made.axes[0].images[0].get_array())[:, 3].all()


def test_rows_by_class_change_nothing_in_the_other_figures(ax):
    plot_lesion(result("single", RESIDUAL, classes=True), ax)
    assert {len(line.get_xdata()) for line in ax.lines} <= {1, 2, 9}


def test_no_rows_by_class_are_refused(ax):
    with pytest.raises(InputError, match=r"no rows by class .*--per-class"):
        plot_classes(result("single", RESIDUAL), ax)


def test_studies_are_not_mixed(ax):
    with pytest.raises(InputError, match="draws one study and these are single, repeat"):
        plot_lesion([result("single", RESIDUAL), result("repeat", PLAIN)], ax)


def test_an_unknown_study_is_refused_with_the_known_ones(ax):
    found = result("single", RESIDUAL)
    changed = Result("lesion", found.frame.assign(study="pear"), found.meta)
    with pytest.raises(InputError, match="unknown study 'pear'"):
        plot_lesion(changed, ax)


def test_networks_keep_their_colours_in_every_study():
    for study in ("random", "shuffle", "greedy", "repeat"):
        ax = figure(result(study, RESIDUAL), order=("plain20", "resnet20")).axes[0]
        assert style(1).colour in {to_hex(line.get_color()) for line in ax.lines}


@pytest.mark.parametrize("study", STUDIES)
def test_saved_results_draw_the_same_figure(study, tmp_path):
    found = result(study, RESIDUAL, recalibrate=True, **SHORT.get(study, {}))
    found.save(tmp_path)
    again = Result.load(tmp_path / "lesion.csv")
    before, after = figure(found), figure(again)
    for one, other in zip(before.axes, after.axes, strict=True):
        for line, twin in zip(one.lines, other.lines, strict=True):
            np.testing.assert_array_equal(line.get_xydata(), twin.get_xydata())
