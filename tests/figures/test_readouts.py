from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from resprobe.errors import InputError
from resprobe.figures import (
    figure,
    plot_borderline,
    plot_decisions,
    plot_estimation_error,
    plot_readout,
    plot_readout_cosine,
)
from resprobe.figures.theme import style
from resprobe.results import Result

NAN = math.nan


def readouts(probes=True, cosine=True, **networks):
    """The numbers are the probe's accuracies; the head reads after the last three blocks."""
    rows = []
    for name, accuracies in networks.items():
        last = len(accuracies) - 1
        for block, accuracy in enumerate(accuracies):
            head = accuracy / 2 if block > last - 3 else NAN
            probe = accuracy if probes else NAN
            row = {"network": name, "block": block, "name": f"b{block}", "stage": 1 + block // 3}
            for of, value in (("head", head), ("probe", probe)):
                row |= {f"{of}_accuracy": value, f"{of}_accuracy_low": value - 0.05,
                        f"{of}_accuracy_high": value + 0.05}  # fmt: skip
            transition = block % 3 == 0
            row |= {"cosine": NAN if transition or not cosine else -0.01 * block}
            row |= {"cosine_se": 0.002, "error_mean_relative": 0.1, "error_std_relative": 0.5}
            rows.append(row | {"error_mean_se": 0.2, "error_std_se": 0.1, "stage_std": 2.0})
    return Result("readout", pd.DataFrame(rows), {"seed": 0})


def decisions(methods=("probe", "head"), **networks):
    """The numbers are the shares, the last of them of what no block decides."""
    rows = []
    for name, shares in networks.items():
        for method in methods:
            for block, share in enumerate(shares):
                row = {"network": name, "method": method, "block": block, "share": share}
                row |= {"cumulative": sum(shares[: block + 1]), "stage": 1 + block // 2}
                rows.append(row | {"depth": 2.0, "depth_low": 1.5, "depth_high": 2.5})
    return Result("readout-decisions", pd.DataFrame(rows), {"seed": 0})


def borderline(*networks, blocks=3):
    rows = [
        {"network": name, "judged": judged, "group": group, "block": 5 + block, "n": 40,
         "accuracy": 0.2 * block + 0.1 * (group == "confident"), "accuracy_low": 0.0,
         "accuracy_high": 0.9}
        for name in networks
        for judged in ("before", "after")
        for group in ("borderline", "confident")
        for block in range(blocks)
    ]  # fmt: skip
    return Result("readout-borderline", pd.DataFrame(rows), {"seed": 0})


SIX = [0.1, 0.2, 0.4, 0.5, 0.7, 0.9]


def test_probes_are_filled_the_head_is_open_and_intervals_are_drawn(ax, shown):
    plot_readout(readouts(net=SIX), ax)
    probe, head = (line for line in ax.lines if len(line.get_xdata()) == 6)
    np.testing.assert_allclose(probe.get_ydata(), [10, 20, 40, 50, 70, 90])
    np.testing.assert_allclose(head.get_ydata(), [NAN, NAN, NAN, 25, 35, 45])
    assert probe.get_markerfacecolor() != head.get_markerfacecolor()
    assert any(np.allclose(bar[:2], [[0, 5], [0, 15]]) for bar in shown.bars(ax))
    wanted = ["net", "linear probe", "network's own head", "95 % interval"]
    assert shown.legend(ax) == wanted


def test_without_probes_only_the_head_is_drawn(ax, shown):
    plot_readout(readouts(probes=False, net=SIX), ax)
    assert shown.legend(ax) == ["net", "network's own head", "95 % interval"]


def test_a_cosine_has_bars_of_two_standard_errors_and_gaps_at_transitions(ax, shown):
    plot_readout_cosine(readouts(net=SIX), ax)
    (line,) = (line for line in ax.lines if len(line.get_xdata()) == 6)
    np.testing.assert_allclose(line.get_ydata(), [NAN, -0.01, -0.02, NAN, -0.04, -0.05])
    (bars,) = (bar for bar in shown.bars(ax) if len(bar) == 8)  # of the four blocks that have one
    np.testing.assert_allclose(bars[:2], [[1, -0.014], [1, -0.006]])


def test_networks_without_a_cosine_are_left_out_and_where_none_has_one_so_is_the_panel():
    plain, residual = readouts(cosine=False, plain=SIX), readouts(net=SIX)
    assert len(figure(residual).axes) == 3
    assert len(figure(plain).axes) == 2
    both = figure([plain, residual], order=("plain", "net")).axes[1]
    assert [line.get_color() for line in both.lines if len(line.get_xdata()) == 6] == [
        style(1).colour
    ]


def part(columns):
    whole = readouts(net=SIX)
    kept = ["network", "block", "name", "stage", *columns]
    return Result("readout", whole.frame[kept], whole.meta)


def test_of_a_table_with_some_of_the_columns_their_panel_alone_is_drawn():
    errors = ["error_mean_relative", "error_std_relative", "error_mean_se", "error_std_se"]
    for columns, label in (
        (["cosine", "cosine_se"], "Cosine of F(x)"),
        ([*errors, "stage_std"], "Block output"),
    ):
        made = figure(part(columns))
        (panel,) = made.axes
        assert panel.get_ylabel().startswith(label)
        legends = [*made.legends, panel.get_legend()]
        assert "net" in [text.get_text() for some in legends if some for text in some.get_texts()]


def test_a_table_with_none_of_the_columns_is_one_sentence():
    with pytest.raises(InputError, match="lacks the column head_accuracy"):
        figure(part([]))


def test_errors_are_over_the_spread_of_the_stages_output(ax, shown):
    plot_estimation_error(readouts(net=SIX), ax)
    spread, mean = (line for line in ax.lines if len(line.get_xdata()) == 6)
    np.testing.assert_allclose(spread.get_ydata(), 0.5)
    np.testing.assert_allclose(mean.get_ydata(), 0.1)
    bars = [bar for bar in shown.bars(ax) if len(bar) == 12]
    assert any(np.allclose(bar[:2, 1], [0.4, 0.6]) for bar in bars)  # 2 * 0.1 / 2
    assert any(np.allclose(bar[:2, 1], [-0.1, 0.3]) for bar in bars)  # 2 * 0.2 / 2


def test_networks_of_different_depth_share_a_relative_axis():
    made = figure([readouts(short=SIX[:3]), readouts(long=SIX)])
    first, *others = made.axes
    assert {tuple(line.get_xdata()) for line in first.lines if len(line.get_xdata()) == 3} == {
        (0.0, 0.5, 1.0)
    }
    labels = [ax.get_legend().get_texts()[0].get_text() for ax in others]
    assert labels == ["± 2 standard errors", "standard deviation"]


def test_decisions_are_shares_by_block_with_the_mean_depth_above(ax, shown):
    plot_decisions(decisions(net=[0.0, 0.2, 0.5, 0.3]), ax)
    probe, head = (line for line in ax.lines if len(line.get_xdata()) == 4)
    np.testing.assert_allclose(probe.get_ydata(), [0, 20, 50, 30])
    np.testing.assert_allclose(head.get_ydata(), [NAN, 20, 50, NAN])  # before it reads, and itself
    depth = next(bar for bar in shown.bars(ax) if len(bar) == 2)
    np.testing.assert_allclose(depth[:, 0], [0.5, 1.5])  # of blocks counted from 0
    assert shown.legend(ax) == ["net", "probe settles", "head settles", "mean depth, 95 %"]


def test_the_second_panel_of_decisions_adds_up(shown):
    first, second = figure(decisions(net=[0.1, 0.2, 0.4, 0.3])).axes
    line = next(line for line in second.lines if len(line.get_xdata()) == 4)
    np.testing.assert_allclose(line.get_ydata(), [10, 30, 70, 100])
    assert shown.legend(first)
    assert shown.legend(second) == []


def test_without_probes_decisions_are_the_heads(ax, shown):
    plot_decisions(decisions(methods=("head",), net=[0.0, 0.5, 0.5, 0.0]), ax)
    assert shown.legend(ax) == ["net", "head settles", "mean depth, 95 %"]


def test_borderline_images_are_filled_and_counted_back_from_the_end(ax, shown):
    plot_borderline(borderline("net"), ax)
    near, others = (line for line in ax.lines if len(line.get_xdata()) == 3)
    assert near.get_xdata().tolist() == [-2, -1, 0]
    np.testing.assert_allclose(near.get_ydata(), [0, 20, 40])
    np.testing.assert_allclose(others.get_ydata(), [10, 30, 50])
    named = ["net", "borderline, n = 40", "all others, n = 40", "95 % interval"]
    assert shown.legend(ax) == named
    made = figure(borderline("a", "b"))
    assert shown.shared(made) == ["a", "b", "borderline", "all others", "95 % interval"]


def test_what_cannot_be_drawn_is_one_sentence(ax):
    with pytest.raises(InputError, match="has a cosine to draw"):
        plot_readout_cosine(readouts(cosine=False, net=SIX), ax)
    with pytest.raises(InputError, match="no image was judged 'later'"):
        plot_borderline(borderline("net"), ax, judged="later")
    unnamed = readouts(net=SIX)
    unnamed.frame.loc[0, "block"] = NAN
    with pytest.raises(InputError, match="names no block"):
        plot_readout(unnamed, ax)


@pytest.mark.parametrize("result", [readouts(net=[0.5]), decisions(net=[0.9, 0.1]),
                                    borderline("net", blocks=1)])  # fmt: skip
def test_a_network_of_one_block_is_drawn(result):
    assert figure(result).axes
