from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from resprobe.errors import InputError
from resprobe.figures import figure, plot_degradation
from resprobe.figures.degradation import families
from resprobe.results import Result


def degradation(**networks: dict[int, list[tuple[float, float]]]) -> Result:
    """Training and test errors epoch by epoch, per seed, per network such as ``plain20``."""
    rows = [
        {
            "network": name,
            "plain": name.startswith("plain"),
            "depth": int(name[-2:]),
            "seed": seed,
            "epoch": epoch,
            "train_error": training,
            "test_error": test,
        }
        for name, seeds in networks.items()
        for seed, errors in seeds.items()
        for epoch, (training, test) in enumerate(errors, start=1)
    ]
    return Result("degradation", pd.DataFrame(rows), {"setting": ["width 8", "2 epochs"]})


FOUR = degradation(
    plain20={0: [(0.5, 0.55), (0.3, 0.35)], 1: [(0.6, 0.65), (0.4, 0.25)]},
    plain56={0: [(0.9, 0.9), (0.7, 0.6)]},
    resnet20={0: [(0.4, 0.45), (0.2, 0.25)]},
    resnet56={0: [(0.4, 0.45), (0.1, 0.15)]},
)


def test_each_curve_is_the_mean_over_the_seeds_and_the_seeds_are_faint(ax, shown):
    plot_degradation(FOUR, ax)
    bold, thin = shown.line(ax, "plain20 test_error"), shown.line(ax, "plain20 train_error")
    np.testing.assert_allclose(bold.get_xydata(), [[1, 60], [2, 30]])
    np.testing.assert_allclose(thin.get_ydata(), [55, 35])
    assert bold.get_linewidth() > thin.get_linewidth()
    assert bold.get_linestyle() != thin.get_linestyle()
    one = shown.line(ax, "_plain20 test_error seed 1")
    np.testing.assert_allclose(one.get_ydata(), [65, 25])
    assert one.get_alpha() < 0.5
    assert len([line for line in ax.lines if "plain56" in line.get_label()]) == 2  # one seed
    assert shown.legend(ax) == ["plain20 (n = 2)", "plain56 (n = 1)", "test", "training"]


def test_the_families_stand_side_by_side_with_one_scale_and_one_look_for_a_depth(shown):
    made = figure(FOUR)
    plain, residual = made.axes
    assert plain.get_ylim() == residual.get_ylim() == (0, pytest.approx(97.2))
    for depth in ("20", "56"):
        colours = {
            shown.line(ax, f"{family}{depth} test_error").get_color()
            for ax, family in ((plain, "plain"), (residual, "resnet"))
        }
        assert len(colours) == 1
    assert not [line for line in residual.lines if "plain" in line.get_label()]
    assert (plain.get_xlabel(), plain.get_ylabel()) == ("Epoch", "Error (%)")


def test_the_setting_stands_on_the_figure():
    small_print = figure(FOUR).get_supxlabel().replace("\u00a0", " ").replace("\n", " ")
    assert small_print == "width 8 · 2 epochs"


def test_a_seed_that_ended_early_ends_the_mean_and_not_the_other_seeds(ax, shown):
    result = degradation(plain20={0: [(0.5, 0.5), (0.3, 0.3)], 1: [(0.7, 0.7)]})
    plot_degradation(result, ax)
    np.testing.assert_array_equal(shown.line(ax, "plain20 test_error").get_ydata(), [60, np.nan])
    seed = shown.line(ax, "_plain20 test_error seed 0")
    np.testing.assert_allclose(seed.get_ydata(), [50, 30])


def test_one_family_alone_is_one_panel_and_the_other_is_refused(ax):
    alone = degradation(resnet20={0: [(0.5, 0.5)]})
    assert families(alone) == [True]
    assert len(figure(alone).axes) == 1
    with pytest.raises(InputError, match="no plain network to draw; it has resnet20"):
        plot_degradation(alone, ax)


def test_names_that_are_alike_but_for_options_are_told_apart(ax, shown):
    frame = degradation(plain20={0: [(0.5, 0.5)]}).frame
    frames = [frame.assign(network=f"plain20:width={width}") for width in (8, 16)]
    plot_degradation(Result("degradation", pd.concat(frames), {}), ax)
    assert shown.legend(ax)[:2] == ["plain20:width=8 (n = 1)", "plain20:width=16 (n = 1)"]


def test_a_frame_that_is_no_such_result_is_refused(ax, fake):
    with pytest.raises(InputError, match="degradation"):
        plot_degradation(fake.train(resnet8=[(0.5, 0.5)]), ax)
    with pytest.raises(InputError, match="no rows"):
        plot_degradation(Result("degradation", FOUR.frame.iloc[:0], {}), ax)
