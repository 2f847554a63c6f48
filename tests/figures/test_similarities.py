from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from resprobe.errors import InputError
from resprobe.figures import figure, plot_similarity, plot_similarity_summary
from resprobe.results import Result


def layers(size, interiors):
    places = ["interior", "output"] * size if interiors else ["output"] * size
    blocks = [i // (2 if interiors else 1) for i in range(len(places))]
    return [
        {"layer": i, "block": block, "stage": 1 + block // 2, "place": place}
        for i, (block, place) in enumerate(zip(blocks, places, strict=True))
    ]


def similarity(*pairs, interiors=False, low=0.3, **sizes):
    """CKA falls with the distance of two layers, and is the lower in the other's later ones."""
    rows = []
    for one, other in pairs:
        for a in layers(sizes[one], interiors):
            for b in layers(sizes[other], interiors):
                far = abs(a["layer"] - b["layer"]) / 10 + b["layer"] / 100
                rows.append(
                    {"network": one, "other_network": other, **a,
                     **{f"other_{name}": value for name, value in b.items()},
                     "cka": max(low, 1 - far), "cka_se": 0.01}
                )  # fmt: skip
    return Result("similarity", pd.DataFrame(rows), {"seed": 0})


def picture(ax):
    return np.ma.filled(ax.images[0].get_array(), math.nan)


def test_rows_are_the_other_networks_layers_and_the_input_is_below(ax):
    plot_similarity(similarity(("a", "b"), a=2, b=3), ax)
    values = picture(ax)
    assert values.shape == (3, 2)
    assert values[2, 0] == pytest.approx(1 - 0.2 - 0.02)
    assert values[0, 1] == pytest.approx(1 - 0.1)
    assert ax.images[0].origin == "lower"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("a: block", "b: block")
    assert ax.get_box_aspect() == 1


def test_stages_are_parted_and_blocks_named_at_their_outputs(ax):
    plot_similarity(similarity(("a", "a"), a=4, interiors=True), ax)
    assert [line.get_xdata()[0] for line in ax.lines if line.get_xdata()[0] > 0] == [3.5]
    assert ax.get_xticks().tolist() == [1, 3, 5, 7]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "1", "2", "3"]
    assert ax.get_legend().get_title().get_text() == "inner layers before their block"


def test_there_is_a_panel_for_each_pair_and_one_scale_of_colours():
    pairs = [("a", "a"), ("a", "b"), ("b", "b")]
    made = figure(similarity(*pairs, low=0.47, a=3, b=8))
    panels = [ax for ax in made.axes if ax.images]
    named = [(ax.get_xlabel()[0], ax.get_ylabel()[0]) for ax in panels]
    assert named == [("a", "a"), ("b", "b"), ("a", "b")]
    assert {(ax.images[0].norm.vmin, ax.images[0].norm.vmax) for ax in panels} == {(0.4, 1.0)}
    bars = [bar for ax in panels for bar in ax.child_axes]
    assert [bar.get_title() for bar in bars] == ["CKA"] * 3


def test_negative_estimates_have_the_colour_of_zero_and_undefined_ones_are_named(ax, shown):
    result = similarity(("a", "a"), a=3)
    result.frame.loc[1, "cka"] = -0.1
    result.frame.loc[2, "cka"] = math.nan
    plot_similarity(result, ax)
    assert ax.images[0].norm.vmin == 0.0
    assert shown.legend(ax) == ["undefined"]


def test_a_network_of_54_blocks_names_as_many_as_have_room(ax):
    plot_similarity(similarity(("a", "a"), a=54), ax)
    assert len(ax.get_xticks()) == len(ax.get_yticks()) == 9


def test_several_pairs_in_one_axes_are_refused(ax):
    result = similarity(("a", "a"), ("b", "b"), a=2, b=2)
    with pytest.raises(InputError, match="a panel for each pair of networks, here 2"):
        plot_similarity(result, ax)


def summary(*pairs):
    rows = []
    for one, other in pairs:
        for stages in ("all", "same"):
            rows.append({"measure": "mean", "places": "output, output", "stages": stages,
                         "value": 0.7, "low": 0.6, "high": 0.8})  # fmt: skip
        rows.append({"measure": "difference", "places": "output, output", "stages": "same - other",
                     "value": 0.3, "low": 0.2, "high": 0.4})  # fmt: skip
        if one != other:
            rows.append({"measure": "identified", "places": "all", "stages": "all",
                         "value": 0.5, "low": 0.3, "high": 0.7})  # fmt: skip
        for row in rows[-4:]:
            row.setdefault("network", one)
            row.setdefault("other_network", other)
    return Result("similarity-summary", pd.DataFrame(rows), {"seed": 0})


def test_means_and_identified_layers_stand_in_rows_and_pairs_have_both_names(ax, shown):
    plot_similarity_summary(summary(("a", "a"), ("a", "b")), ax)
    assert shown.legend(ax) == ["a", "a / b", "95 % interval"]
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "output, output, all stages", "output, output, same stage", "identified, all",
    ]  # fmt: skip
    points = [line for line in ax.lines if line.get_linestyle() == "None"]
    assert [line.get_xdata().tolist() for line in points] == [[0.7, 0.7], [0.7, 0.7, 0.5]]
    assert ax.get_xlim()[0] <= 0
