import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from resprobe.errors import InputError
from resprobe.figures import (
    COLUMN,
    figure,
    plot_alignment,
    plot_matrix,
    plot_singular_values,
    plot_spectrum,
    plot_stream,
)
from resprobe.figures.theme import style
from resprobe.results import Result

STAGES = [1, 1, 1, 2, 2]


def meta(*networks, classes=3):
    return {
        "networks": [{"network": name, "classes": classes, "plain": False} for name in networks],
        "seed": 0,
    }


def blocks(*networks, sigma=(4.0, 3.0, 2.0, 0.5, 0.4)):
    rows = [
        {"network": name, "block": block, "stage": STAGES[block], "sigma_1": value + number,
         "kind": "transition" if block == 3 else "identity", "sigma_1_se": 0.1,
         "effective_rank": 10.0 * (block + 1), "effective_rank_se": 1.0}
        for number, name in enumerate(networks)
        for block, value in enumerate(sigma)
    ]  # fmt: skip
    return Result("geometry", pd.DataFrame(rows), meta(*networks))


def values(*networks, k=5):
    rows = [
        {"network": name, "block": block, "index": index, "value": (block + 1) / index}
        for name in networks
        for block in range(2)
        for index in range(1, k + 1)
    ]
    return Result("geometry-values", pd.DataFrame(rows), meta(*networks))


def pairs(*networks):
    groups = [[0, 1, 2], [4, 5]]
    rows = [
        {"network": name, "stage": stage, "block": i, "directions": j, "k": 4,
         "diagonal": 1.0 if i == j else 0.1 * i, "captured": 1.0 if i == j else 0.01 * j}
        for name in networks
        for stage, group in enumerate(groups, start=1)
        for i in group
        for j in group
    ]  # fmt: skip
    return Result("geometry-alignment", pd.DataFrame(rows), meta(*networks))


def matrices(*networks, stages=(1, 3)):
    rows = [
        {"network": name, "stage": stage, "row": row, "column": column,
         "value": stage * (0.1 if row == column else 0.01)}
        for name in networks
        for stage in stages
        for row in (1, 2, 3)
        for column in (1, 2, 3)
    ]  # fmt: skip
    return Result("geometry-matrices", pd.DataFrame(rows), meta(*networks))


def stream(*networks):
    rows = [
        {"network": name, "stage": stage, "block": block, "cosine": 0.9 - 0.1 * block,
         "cosine_se": 0.02, "chance": 0.5, "length": 1.0 + 0.1 * block, "length_se": 0.01}
        for name in networks
        for stage, block in ((1, 0), (1, 1), (1, 2), (2, 4), (2, 5))
    ]  # fmt: skip
    return Result("geometry-stream", pd.DataFrame(rows), meta(*networks))


def image(ax):
    (found,) = ax.images
    return np.ma.filled(found.get_array(), np.nan)


def test_singular_values_stand_at_their_blocks_with_bars_and_diamonds(ax, shown):
    plot_singular_values(blocks("net"), ax)
    np.testing.assert_allclose(shown.line(ax, "net").get_ydata(), [4, 3, 2, 0.5, 0.4])
    (diamond,) = shown.marks(ax, "D")
    assert (diamond.get_xdata().tolist(), diamond.get_ydata().tolist()) == ([3], [0.5])
    assert any(np.allclose(bar[:2, 1], [3.9, 4.1]) for bar in shown.bars(ax))
    assert ax.get_yscale() == "log"
    assert "transition" in shown.legend(ax)
    ax.get_figure(root=True).canvas.draw()
    assert all("10^" not in label.get_text() for label in ax.get_yticklabels())


def test_networks_are_overlaid_each_in_its_colour(shown):
    made = figure(blocks("first", "second"))
    assert len(made.axes) == 2
    for ax in made.axes:
        assert to_hex(shown.line(ax, "second").get_color()) == style(1).colour
    np.testing.assert_allclose(shown.line(made.axes[1], "first").get_ydata(), [10, 20, 30, 40, 50])


def test_a_branch_that_does_nothing_is_marked_and_not_drawn(ax, shown):
    plot_singular_values(blocks("net", sigma=(1.0, 0.0, 2.0, 3.0, 4.0)), ax)
    assert "exactly 0" in shown.legend(ax)


def test_the_spectrum_is_relative_and_the_classes_are_marked(ax, shown):
    plot_spectrum(values("net"), ax)
    np.testing.assert_allclose(shown.line(ax, "net").get_ydata(), [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5])
    assert any(np.allclose(line.get_xdata(), 3.5) for line in ax.lines)
    assert "3 classes" in shown.legend(ax)
    few = values("net", k=3)
    plot_spectrum(few, ax.get_figure(root=True).add_subplot())
    assert "3 classes" not in shown.legend(ax.get_figure(root=True).axes[-1])


@pytest.mark.parametrize(("score", "wanted"), [("diagonal", 0.1), ("captured", 0.02)])
def test_a_pair_stands_in_the_row_of_its_jacobian_and_the_column_of_the_directions(
    ax, score, wanted, shown
):
    plot_alignment(pairs("net"), ax, score=score)
    heat = image(ax)
    assert heat.shape == (5, 5)
    np.testing.assert_allclose(heat.diagonal(), 1)
    assert heat[1, 2] == pytest.approx(wanted)
    assert np.isnan(heat[:3, 3:]).all()
    assert shown.legend(ax) == ["other stage"]
    title = ax.get_legend().get_title().get_text()
    assert ("chance 1/4" in title) == (score == "diagonal")


def test_there_is_a_panel_for_each_score_of_each_network():
    made = figure(pairs("a", "b", "c"))
    heats = [ax for ax in made.axes if ax.images]
    titles = [ax.get_legend().get_title().get_text()[:1] for ax in heats]
    assert titles == ["a", "b", "c"] * 2
    assert len([ax for ax in figure(matrices("a", "b")).axes if ax.images]) == 4


def test_a_matrix_is_that_of_its_stage_on_a_scale_that_all_share(ax):
    plot_matrix(matrices("net"), ax, stage=1)
    np.testing.assert_allclose(image(ax), 0.01 + 0.09 * np.eye(3))
    assert ax.images[0].get_clim() == pytest.approx((0, 0.3))


@pytest.mark.parametrize("plot", [plot_alignment, plot_matrix])
def test_of_several_networks_one_must_be_chosen(ax, plot):
    result = pairs("a", "b") if plot is plot_alignment else matrices("a", "b")
    with pytest.raises(InputError, match="a panel for each network, here 2"):
        plot(result, ax)


@pytest.mark.parametrize(("name", "level"), [("cosine", 0.5), ("length", 1.0)])
def test_the_path_is_drawn_stage_by_stage_with_what_chance_gives(ax, shown, name, level):
    plot_stream(stream("net"), ax, figure=name)
    lines = [line for line in ax.lines if line.get_label() == "net"]
    assert [line.get_xdata().tolist() for line in lines] == [[0, 1, 2], [4, 5]]
    dotted = [line for line in ax.lines if line.get_linestyle() == ":"]
    assert {float(y) for line in dotted for y in line.get_ydata()} == {level}
    assert "± standard error" in shown.legend(ax)


def test_a_stage_of_one_block_leaves_a_gap(ax):
    result = stream("net")
    result.frame.loc[3:, ["cosine", "cosine_se", "chance"]] = np.nan
    plot_stream(result, ax)
    assert ax.get_ylim()[0] == 0


@pytest.mark.parametrize("width", [COLUMN, 7])
@pytest.mark.parametrize("make", [blocks, values, pairs, matrices, stream])
def test_every_figure_is_made_at_either_width(make, width):
    figure(make("a-network-of-a-very-long-name-indeed:width=16", "other"), width=width)


@pytest.mark.parametrize(
    ("plot", "name"),
    [(plot_singular_values, "geometry"), (plot_spectrum, "geometry-values"),
     (plot_alignment, "geometry-alignment"), (plot_matrix, "geometry-matrices"),
     (plot_stream, "geometry-stream")],
)  # fmt: skip
def test_another_table_or_none_is_refused(ax, plot, name):
    with pytest.raises(InputError, match=f"named '{name}'"):
        plot(Result("lesion", pd.DataFrame({"network": ["a"]})), ax)
    make = {"geometry": blocks, "geometry-values": values, "geometry-alignment": pairs,
            "geometry-matrices": matrices, "geometry-stream": stream}[name]  # fmt: skip
    with pytest.raises(InputError, match="no rows"):
        plot(Result(name, make("a").frame.iloc[:0]), ax)
