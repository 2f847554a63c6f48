import numpy as np
import pandas as pd
import pytest

from resprobe.errors import InputError
from resprobe.figures import (
    figure,
    plot_branch_share,
    plot_gradient_correlation,
    plot_output_gradient,
    plot_signal_variance,
)
from resprobe.results import Result

SHARES = [0.5, 0.33, 0.25, 1.0, 0.5, 0.33]
PANELS = (plot_signal_variance, plot_branch_share, plot_output_gradient, plot_gradient_correlation)


@pytest.fixture
def signals(fake):
    def make(*, normalised=True, se=None, **networks):
        """The numbers are the shares of the branches; None makes a network plain."""
        frames = []
        for name, shares in networks.items():
            blocks = np.arange(len(shares))
            share = np.array([np.nan if s is None else s for s in shares])
            columns = {
                "variance": 1.0 + blocks,
                "branch_share": share,
                "gradient_norm": 2.0**-blocks,
                "gradient_correlation": (1.0 + blocks) / (1 + len(shares)),
            }
            laws = {f"{key}_law": 0.9 * value for key, value in columns.items()}
            laws["shortcut_variance_law"] = np.where(np.isnan(share), np.nan, 1.1 + blocks)
            errors = {} if se is None else {f"{k}_se": se * v for k, v in columns.items()}
            frames.append(
                pd.DataFrame(
                    {"network": name, "block": blocks, "stage": 1 + 2 * blocks // len(shares),
                     "normalised": normalised, **columns, **laws, **errors}
                )
            )  # fmt: skip
        meta = fake.gradflow(**{name: [] for name in networks}).meta
        return Result("initialisation", pd.concat(frames), meta)

    return make


def laws_of(ax):
    """The lines without markers that are no part of the legend."""
    return [line for line in ax.lines if line.get_linewidth() == 1.6]


def test_shares_and_their_law_stand_over_the_block_stage_by_stage(signals, ax, shown):
    plot_branch_share(signals(resnet14=SHARES), ax)
    line = shown.line(ax, "resnet14")
    assert line.get_xdata().tolist() == [0, 1, 2, 3, 4, 5]
    assert line.get_ydata().tolist() == SHARES
    first, second = laws_of(ax)
    assert (first.get_xdata().tolist(), second.get_xdata().tolist()) == ([0, 1, 2], [3, 4, 5])
    np.testing.assert_allclose(second.get_ydata(), 0.9 * np.array(SHARES[3:]))
    assert ax.get_yscale() == "log"


@pytest.mark.parametrize(
    ("normalised", "names"),
    [(True, ["law: v₀ (1 + s₀ l)", "law: s₀ / (1 + s₀ l)"]),
     (False, ["law: v₀ (1 + s₀)^l", "law: s₀, constant"])],
)  # fmt: skip
def test_the_legend_names_the_law_that_is_drawn(signals, ax, shown, normalised, names):
    result = signals(resnet14=SHARES, normalised=normalised)
    for draw, name in zip((plot_signal_variance, plot_branch_share), names, strict=True):
        ax.clear()
        draw(result, ax)
        assert shown.legend(ax)[1:] == [name]


def test_two_laws_are_two_entries(signals, ax, shown):
    both = signals(resnet14=SHARES), signals(fixup14=SHARES, normalised=False)
    plot_branch_share(both, ax)
    assert shown.legend(ax) == [
        "resnet14", "fixup14", "law: s₀ / (1 + s₀ l)", "law: s₀, constant",
    ]  # fmt: skip


def test_a_law_far_away_does_not_move_the_axis(signals, ax):
    result = signals(resnet14=SHARES)
    plot_signal_variance(result, ax)
    limits = ax.get_ylim()
    result.frame["shortcut_variance_law"] = 1e40
    ax.clear()
    plot_signal_variance(result, ax)
    assert ax.get_ylim() == limits


def test_a_plain_network_has_no_share_and_no_law_of_variance(signals, ax, shown):
    plain = signals(plain14=[None] * 6)
    plot_signal_variance(plain, ax)
    assert shown.legend(ax) == ["plain14"]
    assert [len(figure(r).axes) for r in (plain, signals(resnet14=SHARES))] == [3, 4]
    with pytest.raises(InputError, match="no network in the initialisation result has residual"):
        plot_branch_share(plain, ax)


def test_blocks_that_begin_as_identities_are_marked_as_shares_of_zero(signals, ax, shown):
    plot_branch_share(signals(skipinit14=[0.0] * 6, normalised=False), ax)
    (zeros,) = shown.marks(ax, "$0$")
    assert zeros.get_xdata().tolist() == [0, 1, 2, 3, 4, 5]
    assert shown.legend(ax) == ["skipinit14", "exactly 0"]


def test_correlations_stand_between_0_and_1_and_noise_below_is_seen(signals, ax, shown):
    result = signals(resnet14=SHARES)
    plot_gradient_correlation(result, ax)
    assert ax.get_ylim() == (-0.04, 1.04)
    (law,) = laws_of(ax)
    assert len(law.get_xdata()) == 6
    result.frame.loc[0, "gradient_correlation"] = -0.2
    result.frame.loc[1, "gradient_correlation"] = np.nan
    ax.clear()
    plot_gradient_correlation(result, ax)
    assert ax.get_ylim()[0] == pytest.approx(-0.22)
    (lost,) = shown.marks(ax, "x")
    assert lost.get_xdata().tolist() == [1]
    assert shown.legend(ax)[-1] == "no gradient"


@pytest.mark.parametrize("draw", PANELS)
def test_bars_are_one_standard_error_over_draws(signals, ax, shown, draw):
    result = signals(resnet14=SHARES, se=0.01)
    draw(result, ax)
    (bars,) = shown.bars(ax)
    values = shown.line(ax, "resnet14").get_ydata()
    np.testing.assert_allclose(bars[0::2, 1], 0.99 * values)
    np.testing.assert_allclose(bars[1::2, 1], 1.01 * values)
    assert "± standard error over draws" in shown.legend(ax)


def test_an_error_larger_than_the_value_ends_at_the_edge(signals, ax, shown):
    plot_branch_share(signals(resnet14=SHARES, se=2.0), ax)
    (bars,) = shown.bars(ax)
    assert (bars[0::2, 1] > 0).all()
    np.testing.assert_allclose(bars[0::2, 1], ax.get_ylim()[0])


@pytest.mark.parametrize("draw", PANELS)
def test_networks_of_different_depth_share_a_relative_axis(signals, ax, shown, draw):
    draw(signals(resnet8=[0.5, 0.4, 0.3], resnet14=SHARES), ax)
    assert shown.line(ax, "resnet8").get_xdata().tolist() == [0, 0.5, 1]


def test_another_kind_of_result_and_a_missing_column_are_refused(signals, fake, ax):
    with pytest.raises(InputError, match="draws a result named 'initialisation'"):
        plot_output_gradient(fake.gradflow(resnet14=SHARES), ax)
    result = signals(resnet14=SHARES)
    less = Result("initialisation", result.frame.drop(columns="gradient_norm"), result.meta)
    with pytest.raises(InputError, match="lacks the column gradient_norm"):
        plot_output_gradient(less, ax)
