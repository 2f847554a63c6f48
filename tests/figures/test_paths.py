from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from resprobe.errors import InputError
from resprobe.figures import (
    figure,
    plot,
    plot_path_counts,
    plot_path_law,
    plot_path_norms,
    plot_path_weights,
)
from resprobe.results import Result

METHODS = ("exact", "rms", "sampled")


def rows(network: str, blocks: int, method: str, transitions: str, decay: float) -> pd.DataFrame:
    length = np.arange(blocks + 1)
    counts = np.array([math.comb(blocks, int(k)) for k in length], dtype=float)
    norm = decay**length
    weight = counts * norm / (counts * norm).sum()
    frame = pd.DataFrame(
        {"network": network, "method": method, "transitions": transitions, "length": length}
    )
    for column in ("average", "norm", "rms"):
        frame[column], frame[f"{column}_se"] = np.nan, np.nan
    column = {"exact": "average", "rms": "rms", "sampled": "norm"}[method]
    frame[column], frame[f"{column}_se"] = norm, 0.1 * norm
    projection = weight if method == "exact" else np.nan
    effective = weight >= 0.05
    return frame.assign(
        paths_share=counts / 2.0**blocks, weight=weight, projection=projection, effective=effective
    )


def paths(
    methods: tuple[str, ...] = METHODS, transitions: tuple[str, ...] = ("counted",), **blocks: int
) -> Result:
    frames = [
        rows(name, n, method, kind, 0.5)
        for name, n in blocks.items()
        for kind in transitions
        for method in methods
    ]
    meta: dict[str, Any] = {"networks": [{"network": name} for name in blocks]}
    return Result("paths", pd.concat(frames, ignore_index=True), meta)


def labelled(ax, label):
    return [line for line in ax.lines if line.get_label() == label]


def test_the_number_of_paths_is_drawn_once_for_all_methods_in_percent(ax, shown):
    plot_path_counts(paths(resnet10=4), ax)
    (line,) = labelled(ax, "resnet10")
    assert line.get_ydata().tolist() == [6.25, 25, 37.5, 25, 6.25]
    assert line.get_xdata().tolist() == [0, 1, 2, 3, 4]
    assert shown.legend(ax) == ["resnet10"]


def test_every_method_has_its_own_look_on_a_logarithmic_axis(ax, shown):
    plot_path_norms(paths(resnet10=4), ax)
    rms, sampled = labelled(ax, "resnet10")
    (exact,) = labelled(ax, "resnet10 exact")
    assert ax.get_yscale() == "log"
    for line in (rms, sampled, exact):
        np.testing.assert_allclose(line.get_ydata(), 0.5 ** np.arange(5))
    looks = {(line.get_marker(), line.get_markerfacecolor(), str(line.get_linestyle()))
             for line in (rms, sampled, exact)}  # fmt: skip
    assert len(looks) == 3
    assert shown.legend(ax) == [
        "rms of single paths", "mean of sampled paths", "mean path, exact", "± standard error",
    ]  # fmt: skip
    np.testing.assert_allclose(shown.bars(ax)[0][0::2, 1], 0.9 * 0.5 ** np.arange(5))


@pytest.mark.parametrize("methods", [METHODS, ("exact", "sampled"), ("exact",)])
def test_the_product_is_in_percent_and_the_effective_lengths_have_a_bar(ax, shown, methods):
    plot_path_weights(paths(methods, resnet10=4), ax)
    first = labelled(ax, "resnet10")[0]
    weight = np.array([1, 4 * 0.5, 6 * 0.25, 4 * 0.125, 0.0625])
    np.testing.assert_allclose(first.get_ydata(), 100 * weight / weight.sum())
    assert "effective lengths" in shown.legend(ax)
    assert [text.get_text() for text in ax.texts] == ["0–3"]
    assert ("share of the gradient" in shown.legend(ax)) == ("exact" in methods)


def test_networks_of_different_depth_share_a_relative_axis(ax):
    plot_path_counts(paths(resnet10=4, resnet18=8), ax)
    assert labelled(ax, "resnet10")[0].get_xdata().tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert ax.get_xlabel() == "Branches on the path over blocks"


def test_a_figure_has_three_panels_for_each_choice_of_transitions():
    assert len(figure(paths(resnet10=4)).axes) == 3
    both = figure(paths(transitions=("counted", "apart"), resnet10=4))
    titles = [ax.get_legend().get_title().get_text() for ax in both.axes]
    assert titles == 3 * ["transitions counted"] + 3 * ["transitions run whole"]
    assert plot(paths(resnet10=4)).get_ylabel() == "Paths of this length (%)"


def test_paths_of_no_gradient_are_marked_and_named(ax, shown):
    result = paths(("rms",), resnet10=4)
    result.frame.loc[3:, "rms"] = 0.0
    plot_path_norms(result, ax)
    (zeros,) = shown.marks(ax, "$0$")
    assert zeros.get_xdata().tolist() == [3, 4]
    assert "exactly 0" in shown.legend(ax)


def test_weights_that_are_not_there_leave_an_empty_panel(ax, shown):
    result = paths(("exact",), resnet10=4)
    result.frame[["weight", "projection"]] = np.nan
    result.frame["effective"] = False
    plot_path_weights(result, ax)
    assert "effective lengths" not in shown.legend(ax)


def test_the_law_is_bars(ax):
    frame = pd.DataFrame({"length": range(4), "paths_share": [0.125, 0.375, 0.375, 0.125]})
    plot_path_law(Result("path-law", frame, {}), ax)
    assert [bar.get_height() for bar in ax.patches] == [12.5, 37.5, 37.5, 12.5]
    assert len(figure(Result("path-law", frame, {})).axes) == 1
    with pytest.raises(InputError, match="path-law"):
        plot_path_law(Result("path-law", frame.iloc[:0], {}), ax)


def test_six_hundred_blocks_and_many_networks_are_drawn():
    many = paths(("rms",), **{f"resnet{n}": n for n in (9, 27, 54, 600)})
    assert isinstance(figure(many, width=3.5), Figure)


@pytest.mark.parametrize("draw", [plot_path_counts, plot_path_norms, plot_path_weights])
def test_what_is_not_there_is_refused(ax, draw):
    with pytest.raises(InputError, match="no rows with transitions 'apart'"):
        draw(paths(resnet10=4), ax, transitions="apart")
    with pytest.raises(InputError, match="named 'gradflow'"):
        draw(Result("gradflow", pd.DataFrame(), {}), ax)
    lacking = paths(resnet10=4)
    with pytest.raises(InputError, match="lacks the column weight"):
        draw(Result("paths", lacking.frame.drop(columns="weight"), {}), ax)
