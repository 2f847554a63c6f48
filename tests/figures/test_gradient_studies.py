from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from resprobe.errors import InputError
from resprobe.figures import (
    figure,
    plot_gradient_heat,
    plot_gradient_histogram,
    plot_gradient_training,
    plot_identity_path,
)
from resprobe.results import Result

NORMS = [4.0, 2.0, 1.0, 0.5]


def with_path(fake, **networks):
    result = fake.gradflow(**networks)
    plain = result.frame["network"].str.startswith("plain")
    path = np.where(plain, np.nan, 0.125 * result.frame["input"])
    result.frame["identity_path"] = path
    result.frame["identity_path_se"] = 0.1 * path
    return result


def counts(**networks):
    """The numbers are each block's exponent, at which all its elements but a fifth, zeros, are."""
    rows = []
    for name, exponents in networks.items():
        for block, exponent in enumerate(exponents):
            for part in ("input",) if name.startswith("plain") else ("input", "identity"):
                for low, count in ((0.0, 20), (2.0**exponent, 80)):
                    row = {"network": name, "block": block, "part": part, "low": low}
                    rows.append(row | {"high": 2 * low, "count": count, "share": count / 100})
    return Result("gradflow-histograms", pd.DataFrame(rows), {})


def training(unit="epoch", **networks):
    """The numbers are the first block's norms, step by step; the last block's is 1."""
    rows = []
    for name, norms in networks.items():
        for step, norm in enumerate(norms, start=1):
            for block, value in enumerate((norm, 1.0)):
                row = {"network": name, "step": 10 * step, "block": block, "input": value}
                rows.append(row | {"identity": value, "residual": value})
    return Result("gradflow-training", pd.DataFrame(rows), {"unit": unit})


def test_the_identity_path_stands_beside_the_whole_of_residual_networks(fake, ax, shown):
    plot_identity_path(with_path(fake, resnet14=NORMS, plain14=NORMS), ax)
    path, whole = (line for line in ax.lines if line.get_label() == "resnet14")
    assert path.get_ydata().tolist() == [0.5, 0.25, 0.125, 0.0625]
    assert whole.get_ydata().tolist() == NORMS
    legend = ["resnet14", "by shortcuts alone", "whole gradient", "± standard error"]
    assert shown.legend(ax) == legend
    with pytest.raises(InputError, match="has an identity path"):
        plot_identity_path(with_path(fake, plain14=NORMS), ax)


def test_with_an_identity_path_the_figure_has_three_panels_that_name_networks_once(fake, shown):
    made = figure(with_path(fake, resnet14=NORMS, plain14=NORMS))
    assert len(made.axes) == 3
    assert shown.shared(made) == ["resnet14", "plain14"]
    assert shown.legend(made.axes[1]) == ["identity part", "residual part"]
    colours = [
        next(x for x in ax.lines if x.get_label() == "resnet14").get_color() for ax in made.axes
    ]
    assert len(set(colours)) == 1


def test_a_histogram_has_a_panel_for_each_network_and_part(shown):
    made = figure(counts(plain8=[3, 0, -3], resnet8=[0, 0, 0]))
    titles = [
        t for ax in made.axes if ax.get_legend() and (t := ax.get_legend().get_title().get_text())
    ]
    assert titles == ["plain8, gradient", "resnet8, gradient", "resnet8, identity part"]


def test_every_block_has_its_share_in_the_bin_of_its_size(ax):
    plot_gradient_histogram(counts(plain8=[3, 0, -3]), ax)
    mesh, zeros = (c for c in ax.collections if c.get_array() is not None)
    shares = np.ma.filled(mesh.get_array(), 0).reshape(-1, 3)
    assert shares.max(axis=0).tolist() == [80, 80, 80]
    rows = shares.argmax(axis=0)
    assert (rows[0] - rows[1], rows[1] - rows[2]) == (3, 3)
    assert zeros.get_array().ravel().tolist() == [20, 20, 20]
    medians = ax.lines[-2].get_ydata() if len(ax.lines) > 2 else ax.lines[0].get_ydata()
    middle = np.log10(2.0) * (np.array([3, 0, -3]) + 0.5)
    assert any(np.allclose(line.get_ydata(), middle) for line in ax.lines if len(medians) == 3)


def test_what_a_histogram_does_not_hold_is_refused(ax):
    with pytest.raises(InputError, match="there are 1 networks"):
        plot_gradient_histogram(counts(plain8=[1]), ax, network=1)
    with pytest.raises(InputError, match="no histogram of the part 'residual'"):
        plot_gradient_histogram(counts(plain8=[1]), ax, part="residual")


def test_a_training_is_drawn_as_lines_of_first_and_last_block(ax, shown):
    plot_gradient_training(training(r8=[4.0, 2.0, 1.0]), ax)
    assert shown.line(ax, "r8 0").get_xdata().tolist() == [10, 20, 30]
    assert shown.line(ax, "r8 0").get_ydata().tolist() == [4, 2, 1]
    assert shown.line(ax, "r8 1").get_ydata().tolist() == [1, 1, 1]
    assert ax.get_xlabel() == "Epoch"
    assert shown.legend(ax) == ["r8", "first block", "last block"]


def test_a_training_is_drawn_as_a_heat_map_relative_to_the_last_block(ax):
    plot_gradient_heat(training(r8=[100.0, 10.0, float("nan")]), ax)
    (mesh,) = (c for c in ax.collections if c.get_array() is not None)
    values = mesh.get_array().reshape(2, 3)
    assert values[0, :2].tolist() == pytest.approx([2, 1])
    assert values.mask.tolist() == [[False, False, True], [False] * 3]
    assert values[1].tolist() == [0, 0, 0]


def test_every_network_has_its_heat_map_and_one_step_is_enough():
    made = figure(training(unit="step", a=[2.0, 4.0], b=[3.0]))
    made.canvas.draw()
    panels = [ax for ax in made.axes if ax.get_xlabel() == "Step"]
    assert len(panels) == 3
    with pytest.raises(InputError, match="there are 2 networks"):
        plot_gradient_heat(training(a=[1.0], b=[1.0]), panels[0], network=2)


def test_gradients_of_nothing_leave_an_axis_without_a_logarithm(ax):
    plot_gradient_training(training(a=[0.0, float("nan")]).__class__(
        "gradflow-training", training(a=[0.0]).frame.assign(input=0.0), {}
    ), ax)  # fmt: skip
    assert ax.get_yscale() == "linear"
