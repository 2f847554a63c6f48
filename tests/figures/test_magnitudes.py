from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from resprobe.errors import InputError
from resprobe.figures import figure, plot_magnitude, plot_responses
from resprobe.results import Result


def sizes(**networks):
    """The numbers are the blocks' ratios; None stands for a plain block."""
    rows = []
    for name, ratios in networks.items():
        for block, ratio in enumerate(ratios):
            kind = "transition" if block % 3 == 2 else "identity"
            row = {"network": name, "block": block, "name": f"b{block}", "kind": kind}
            row |= {"stage": 1 + block // 3, "n": 10, "response_std": 1.0 + block}
            value = float("nan") if ratio is None else ratio
            row |= {"ratio": value, "ratio_q10": 0.8 * value, "ratio_q90": 1.3 * value}
            row |= {"cosine": 0.1 * value, "cosine_se": 0.01, "negative_share": 0.25 + 0 * value}
            rows.append(row)
    return Result("magnitude", pd.DataFrame(rows), {"seed": 0})


def layers(measured=True, **networks):
    """The numbers are the layers' responses; the last two are a projection and the head."""
    rows = []
    for name, responses in networks.items():
        ranks = pd.Series(responses).rank(ascending=False)
        for layer, (response, rank) in enumerate(zip(responses, ranks, strict=True)):
            row = {"network": name, "layer": layer, "name": f"conv{layer}", "place": "branch"}
            row |= {"response_std": response if measured else float("nan"), "rank": rank}
            rows.append(row | {"response_std_se": 0.01, "from_batch_norm": 1.1 * response})
        for layer, place in ((len(responses), "shortcut"), (len(responses) + 1, "head")):
            row = {"network": name, "layer": layer, "name": place, "place": place, "rank": np.nan}
            rows.append(
                row | {"response_std": 50.0, "response_std_se": 0, "from_batch_norm": np.nan}
            )
    return Result("magnitude-responses", pd.DataFrame(rows), {"seed": 0})


def test_a_ratio_stands_over_its_block_in_a_band_of_its_images(ax, shown):
    plot_magnitude(sizes(r14=[0.5, 1.0, 2.0, 0.25]), ax)
    line = shown.line(ax, "r14")
    assert line.get_xdata().tolist() == [0, 1, 2, 3]
    assert line.get_ydata().tolist() == [0.5, 1.0, 2.0, 0.25]
    band = np.vstack([path.vertices for c in ax.collections for path in c.get_paths()])
    assert band[:, 1].max() == pytest.approx(2.6)
    assert ax.get_ylim()[0] == 0
    assert ax.get_ylim()[1] > 2.6
    assert shown.legend(ax) == ["r14", "80 % of the images", "transition"]
    (diamonds,) = shown.marks(ax, "D")
    assert diamonds.get_xdata().tolist() == [2]


def test_the_whole_figure_has_size_angle_and_share_and_names_networks_once(shown):
    made = figure(sizes(r8=[0.5, 1.0, 2.0], r14=[0.5, 1.0, 2.0, 0.25, 0.5, 1.0]))
    ratio, cosine, negative = made.axes
    assert [len(ax.get_legend().get_texts()) > 0 for ax in made.axes] == [True, False, False]
    assert shown.line(negative, "r8").get_ydata().tolist() == [25, 25, 25]
    assert shown.line(cosine, "r8").get_ydata().tolist() == pytest.approx([0.05, 0.1, 0.2])
    assert "%" in negative.get_ylabel()
    assert ratio.get_xlabel().startswith("Position")


def test_plain_networks_show_their_response_where_they_are_alone(shown):
    made = figure(sizes(plain8=[None] * 3))
    (ax,) = made.axes
    assert shown.line(ax, "plain8").get_ydata().tolist() == [1, 2, 3]
    both = figure(sizes(plain8=[None] * 3, resnet8=[1.0] * 3))
    assert shown.shared(both)[0] == "resnet8"
    with pytest.raises(InputError, match="no network in the magnitude result has a ratio"):
        plot_magnitude(sizes(plain8=[None] * 3), both.axes[0])


def test_a_ratio_without_end_is_marked(ax, shown):
    plot_magnitude(sizes(r8=[0.5, float("inf"), 2.0]), ax)
    (lost,) = shown.marks(ax, "x")
    assert lost.get_xdata().tolist() == [1]
    assert "not finite" in shown.legend(ax)


@pytest.mark.parametrize("ratios", [[0.5], [0.0, 0.0], [1e-9, 2e-9]])
def test_a_single_block_and_blocks_of_nothing_are_drawn(ratios):
    made = figure(sizes(net=ratios))
    made.canvas.draw()
    low, high = made.axes[0].get_ylim()
    assert low <= 0 < high


def test_layers_stand_in_their_order_and_sorted_without_projection_and_head(shown):
    made = figure(layers(plain8=[0.5, 2.0, 1.0], resnet14=[0.25, 0.5, 0.75, 0.1]))
    in_order, ranked = made.axes
    assert shown.line(in_order, "plain8").get_ydata().tolist() == [0.5, 2.0, 1.0]
    assert shown.line(ranked, "plain8").get_ydata().tolist() == [2.0, 1.0, 0.5]
    assert shown.line(ranked, "resnet14").get_xdata().tolist() == [1, 2, 3, 4]
    assert max(ax.get_ylim()[1] for ax in made.axes) < 3


def test_the_order_of_the_rows_does_not_matter(ax, shown):
    result = layers(net=[0.5, 2.0, 1.0])
    plot_responses(Result(result.name, result.frame.iloc[::-1], {}), ax)
    assert shown.line(ax, "net").get_ydata().tolist() == [0.5, 2.0, 1.0]


def test_one_network_shows_what_its_norms_say_and_several_do_not(ax, shown):
    plot_responses(layers(net=[0.5, 2.0]), ax)
    assert shown.legend(ax) == ["net", "± standard error", "as BatchNorm's parameters say"]
    open_marks = next(line for line in ax.lines if line.get_label().startswith("_"))
    assert open_marks.get_ydata().tolist() == pytest.approx([0.55, 2.2])
    assert shown.shared(figure(layers(a=[0.5], b=[1.0]))) == ["a", "b", "± standard error"]


def test_a_checkpoint_alone_is_drawn_by_its_norms(ax, shown):
    plot_responses(layers(measured=False, net=[0.5, 2.0]), ax)
    assert shown.line(ax, "net").get_ydata().tolist() == pytest.approx([0.55, 2.2])


def test_what_cannot_be_drawn_is_refused(ax):
    result = layers(net=[0.5])
    with pytest.raises(InputError, match="no layer"):
        plot_responses(Result(result.name, result.frame.assign(rank=np.nan), {}), ax)
    for draw, made in ((plot_magnitude, sizes(net=[1.0])), (plot_responses, result)):
        with pytest.raises(InputError, match="no rows"):
            draw(Result(made.name, made.frame.iloc[:0], {}), ax)
