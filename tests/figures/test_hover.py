from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from figure_samples import sample

from resprobe.figures import figure, svg_text
from resprobe.figures.hover import curves
from resprobe.results import Result


def flow(**networks):
    rows = [
        {
            "network": network,
            "block": block,
            "kind": "identity",
            "input": norm,
            "identity": 0.8 * norm,
            "residual": 0.4 * norm,
        }
        for network, norms in networks.items()
        for block, norm in enumerate(norms)
    ]
    return Result("gradflow", pd.DataFrame(rows))


def read(result):
    made = figure(result)
    svg = svg_text(made, salt="a")
    return curves(made, result), svg


def test_the_points_lie_where_the_markers_of_the_document_are():
    found, svg = read(flow(a=[3.0, 2.0, 1.0]))
    marks = re.findall(r'<use xlink:href="#[^"]+" x="([\d.]+)" y="([\d.]+)"', svg)
    drawn = np.array(marks, dtype=float)
    for x, y, _ in found[0].points:
        assert np.abs(drawn - [x, y]).sum(axis=1).min() < 0.2


def test_every_point_says_network_block_and_value():
    found, _ = read(flow(a=[3.0, 2.5e-7, 1.0]))
    assert [text for *_, text in found[0].points] == [
        "a · block 0: 3",
        "a · block 1: 2.5e−07",
        "a · block 2: 1",
    ]
    assert found[0].quantity.startswith("Gradient norm at the block's input")


def test_networks_of_different_depth_still_say_their_blocks():
    found, _ = read(flow(a=[3.0, 2.0, 1.0], b=[5.0, 4.0, 3.0, 2.0, 1.0]))
    assert [text for *_, text in found[1].points] == [f"b · block {i}: {5 - i}" for i in range(5)]
    assert found[0].points[1][2] == "a · block 1: 2"


def test_what_is_not_finite_has_no_point():
    found, _ = read(flow(a=[3.0, float("nan"), 1.0]))
    assert [text for *_, text in found[0].points] == ["a · block 0: 3", "a · block 2: 1"]


def test_open_marks_are_told_from_filled_ones():
    found, _ = read(flow(a=[3.0, 2.0, 1.0]))
    labels = [curve.label for curve in found]
    assert labels.count("a") == 2
    assert "a (open marks)" in labels


def test_percent_and_the_kind_of_error_are_said():
    frame = pd.DataFrame(
        {"network": "my_net error", "epoch": [1, 2], "train_error": [0.5, 0.25],
         "validation_error": [0.6, 0.3]}
    )  # fmt: skip
    found, _ = read(Result("train", frame))
    assert {curve.label for curve in found} == {
        "my_net error, training error",
        "my_net error, validation error",
    }
    assert {c.points[1][2] for c in found} == {
        "my_net error, training error · epoch 2: 25\u00a0%",
        "my_net error, validation error · epoch 2: 30\u00a0%",
    }


@pytest.mark.parametrize("name", ["$x^2$", "<b>&", "a b", "a_b"])
def test_a_name_is_said_as_it_is(name):
    found, _ = read(flow(**{name: [2.0, 1.0]}))
    assert found[0].points[0][2] == f"{name} · block 0: 2"


def test_one_block_has_one_point():
    found, _ = read(flow(a=[3.0]))
    assert [text for *_, text in found[0].points] == ["a · block 0: 3"]


@pytest.mark.parametrize("panel", [0, 1, 2])
def test_paths_of_networks_of_two_depths_say_their_branches_in_every_panel(panel):
    results = [sample("paths", ("a",), 4), sample("paths", ("b",), 8)]
    made = figure(results)
    svg_text(made, salt="a")
    ax = made.axes[panel]
    assert ax.get_xlabel().startswith("Branches on the path over")
    for other in list(made.axes):
        if other is not ax:
            other.remove()
    found = curves(made, results)
    assert len({c.label for c in found}) >= 2
    for curve in found:
        blocks = 4 if curve.label.startswith("a") else 8
        said = [text.partition(" · ")[2].partition(":")[0] for *_, text in curve.points]
        assert said == [f"{length} branches on the path" for length in range(blocks + 1)]


def test_the_share_of_the_gradient_is_not_called_a_number_of_paths():
    found, _ = read(sample("paths"))
    quantities = {(c.label, c.quantity) for c in found}
    assert ("resnet14 exact", "Share of the gradient") in quantities
    assert ("resnet14 exact", "Number of paths × norm") not in quantities
    assert ("resnet14", "Number of paths × norm") in quantities
    shares = next(c for c in found if c.quantity == "Share of the gradient")
    assert all(text.endswith("\u00a0%") for *_, text in shares.points)


@pytest.mark.parametrize("depths", [(6,), (6, 9)])
def test_the_place_after_the_last_block_is_the_head(depths):
    results = [sample("readout-decisions", (f"n{depth}",), depth) for depth in depths]
    made = figure(results)
    svg_text(made, salt="a")
    for depth in depths:
        said = {
            text.partition(" · ")[2].partition(":")[0]
            for c in curves(made, results)
            if c.label.startswith(f"n{depth}")
            for *_, text in c.points
        }
        assert said == {"head", *(f"block {block}" for block in range(depth))}


def test_layers_say_their_number_in_the_table_and_sorted_ones_their_rank():
    result = sample("magnitude-responses", blocks=3)
    ordered, ranked = (c for c in read(result)[0] if c.label == "resnet14")
    by_layer = [text.partition(" · ")[2] for *_, text in ordered.points]
    layers = result.frame.set_index("layer")["response_std"]
    assert by_layer == [f"layer {i}: {layers[i]:.4g}" for i in range(3)]
    by_rank = [text.partition(" · ")[2] for *_, text in ranked.points]
    largest = sorted(layers, reverse=True)
    assert by_rank == [f"rank {i + 1}: {largest[i]:.4g}" for i in range(3)]


@pytest.mark.parametrize("name", ["_hidden", "_child", "__"])
def test_a_network_whose_name_begins_with_a_line_is_no_unlabelled_one(name):
    found, _ = read(flow(**{name: [2.0, 1.0]}))
    assert found[0].points[0][2] == f"{name} · block 0: 2"
