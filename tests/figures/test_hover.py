from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

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
