from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from resprobe.errors import InputError
from resprobe.figures import COLUMN, figure, plot_correlations, plot_predictors
from resprobe.figures.theme import style
from resprobe.results import Result

PREDICTORS = ("ratio", "residual_share", "cosine")
DAMAGES = ("error_rise", "loss_rise")


def blocks(**networks):
    """The numbers are the rises of the loss; every third block is a transition."""
    rows = []
    for name, rises in networks.items():
        for block, rise in enumerate(rises):
            kind = "transition" if block % 3 == 2 else "identity"
            row = {"network": name, "block": block, "name": f"b{block}", "stage": 1, "kind": kind}
            row |= {"ratio": 0.1 * block, "residual_share": 0.5 - 0.05 * block, "cosine": 0.2}
            row |= {"error_rise": 0.01, "loss_rise": rise}
            rows.append(row | {f"{c}_se": 0.01 for c in (*PREDICTORS, *DAMAGES)})
    return Result("predictors", pd.DataFrame(rows), {"seed": 0})


def correlations(*networks, estimate=0.4):
    rows = [
        {"network": name, "predictor": predictor, "damage": damage, "blocks": which,
         "method": method, "estimate": estimate if method == "spearman" else -0.9,
         "low": 0.1, "high": 0.6, "resampled_low": 0.3, "resampled_high": 0.5}
        for name in networks
        for predictor in PREDICTORS
        for damage in DAMAGES
        for which in ("all", "identity")
        for method in ("spearman", "kendall")
    ]  # fmt: skip
    return Result("predictors-correlations", pd.DataFrame(rows), {"seed": 0})


RISES = [0.5, 0.4, 0.3, 0.2, 0.1, 0.05]


def points(ax, marker):
    return [line for line in ax.lines if line.get_marker() == marker]


def test_each_block_is_a_mark_at_its_size_and_damage_with_bars(ax):
    plot_predictors(blocks(net=RISES), ax)
    (identity,), (transition,) = points(ax, "o"), points(ax, "D")
    np.testing.assert_allclose(identity.get_xdata(), [0, 0.1, 0.3, 0.4])
    np.testing.assert_allclose(identity.get_ydata(), [0.5, 0.4, 0.2, 0.1])
    np.testing.assert_allclose(transition.get_xdata(), [0.2, 0.5])
    bars = [np.vstack(c.get_segments()) for c in ax.collections]
    assert any(np.allclose(b[:2, 1], [0.49, 0.51]) for b in bars)
    assert any(np.allclose(b[:2, 0], [-0.01, 0.01]) for b in bars)


@pytest.mark.parametrize("predictor", PREDICTORS)
def test_a_panel_shows_the_predictor_it_names(ax, predictor):
    result = blocks(net=RISES)
    plot_predictors(result, ax, predictor=predictor)
    kept = result.frame[result.frame["kind"] == "identity"]
    np.testing.assert_allclose(points(ax, "o")[0].get_xdata(), kept[predictor])


def test_networks_are_overlaid_and_named_once(shown):
    made = figure(blocks(first=RISES, second=RISES[:4]))
    assert len(made.axes) == 3
    assert shown.shared(made) == ["first", "second", "transition"]
    assert [len(ax.get_legend().get_texts()) for ax in made.axes] == [0, 0, 0]
    for ax in made.axes:
        assert to_hex(points(ax, style(1).marker)[0].get_color()) == style(1).colour
    assert all("nats per image" in ax.get_ylabel() for ax in made.axes)


def test_without_transitions_the_legend_has_none(ax, shown):
    plot_predictors(blocks(net=RISES[:2]), ax)
    assert shown.legend(ax) == ["net"]


@pytest.mark.parametrize(
    ("rises", "scale"),
    [(RISES, "linear"), ([9.0, 0.01, -0.02, 0.01, 0.02, 0.01], "symlog"), ([0.0] * 6, "linear"),
     ([0.1, float("nan"), float("inf"), 0.2], "linear")],
)  # fmt: skip
def test_the_axis_is_logarithmic_only_where_one_block_outweighs_the_others(ax, rises, scale):
    plot_predictors(blocks(net=rises), ax)
    assert ax.get_yscale() == scale


def test_correlations_stand_in_the_order_error_then_loss(ax):
    plot_correlations(correlations("net"), ax)
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        f"{name}, {damage}"
        for damage in ("error", "loss")
        for name in ("size", "gradient share", "cosine")
    ]
    everything, identity = points(ax, "o")
    assert set(everything.get_xdata()) == {0.4}
    assert (everything.get_ydata() < identity.get_ydata()).all()
    assert everything.get_markerfacecolor() != identity.get_markerfacecolor()
    spans = [np.vstack(c.get_segments())[:2, 0].tolist() for c in ax.collections]
    assert spans == [[0.1, 0.6], [0.3, 0.5]] * 2


def test_marks_of_several_networks_do_not_cover_each_other(ax):
    plot_correlations(correlations("a", "b", "c"), ax)
    heights = sorted(y for line in ax.lines if len(line.get_ydata()) == 6 for y in line.get_ydata())
    assert len(heights) == 36
    assert np.diff(heights).min() > 0.1
    assert ax.get_ylim() == (5.5, -0.5)


def test_a_correlation_that_could_not_be_had_leaves_a_gap(ax):
    result = correlations("net")
    identity = result.frame["blocks"] == "identity"
    for column in ("estimate", "low", "high", "resampled_low", "resampled_high"):
        result.frame.loc[identity, column] = np.nan
    plot_correlations(result, ax)
    everything, gap = points(ax, "o")
    assert np.isfinite(everything.get_xdata()).all()
    assert np.isnan(gap.get_xdata()).all()


@pytest.mark.parametrize("width", [COLUMN, 7])
def test_both_figures_are_made_at_either_width(width):
    long = {"a-network-of-a-very-long-name-indeed:width=16": RISES, "other": RISES}
    assert len(figure(blocks(**long), width=width).axes) == 3
    assert len(figure(correlations(*long), width=width).axes) == 1


def test_a_table_of_another_kind_or_without_rows_is_refused(ax):
    with pytest.raises(InputError, match="named 'predictors'"):
        plot_predictors(correlations("net"), ax)
    with pytest.raises(InputError, match="no rows"):
        plot_correlations(Result("predictors-correlations", correlations("n").frame.iloc[:0]), ax)
