from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resprobe.errors import InputError
from resprobe.figures.series import gather, listed, on_one_axis
from resprobe.figures.theme import style
from resprobe.results import Result


def run(*networks: str, sha: str | None = None) -> Result:
    facts = [{"network": name, "checkpoint_sha256": sha} for name in networks]
    frame = pd.DataFrame({"network": networks, "epoch": 1})
    return Result("train", frame, {"networks": facts})


def labels(*results: Result) -> list[str]:
    return [one.label for one in gather(results, name="train", numbers=())]


def test_two_runs_of_one_architecture_are_told_apart_by_their_weights():
    first, second = run("resnet20", sha="aaaaaaaa11"), run("resnet20", sha="bbbbbbbb22")
    assert labels(first, second) == ["resnet20 (aaaaaaaa)", "resnet20 (bbbbbbbb)"]


def test_runs_without_weights_are_told_apart_by_a_number():
    assert labels(*[run("resnet20")] * 3) == ["resnet20", "resnet20 (no. 2)", "resnet20 (no. 3)"]


@given(st.lists(st.text(max_size=60), min_size=1, max_size=8))
def test_labels_are_unique_short_and_of_one_line(names):
    found = labels(*[run(name) for name in names])
    assert len(set(found)) == len(names)
    assert all(label.isprintable() and 0 < len(label) <= 32 for label in found)


def test_networks_keep_the_style_of_their_place_in_an_order():
    found = gather(run("b", "x", "a"), name="train", numbers=(), order=("a", "b"))
    assert [one.style for one in found] == [style(1), style(2), style(0)]


def test_a_second_run_of_a_network_has_a_style_of_its_own():
    found = gather([run("a", "b"), run("a", "b")], name="train", numbers=(), order=("a", "b"))
    assert [one.style for one in found] == [style(i) for i in (0, 1, 2, 3)]


@given(st.lists(st.integers(1, 700), min_size=1, max_size=5))
def test_positions_lie_between_the_first_and_the_last_block(depths):
    indices = [np.arange(depth, dtype=float) for depth in depths]
    positions, relative = on_one_axis(indices)
    assert relative == (len(set(depths)) > 1)
    for depth, place in zip(depths, positions, strict=True):
        assert place[0] == 0
        assert place[-1] == (min(1, depth - 1) if relative else depth - 1)
        assert (np.diff(place) > 0).all()


@pytest.mark.parametrize("networks", [None, "resnet20", 3, [1, "x", {"name": "y"}], [{}]])
def test_a_meta_from_elsewhere_does_no_harm(networks):
    result = Result("train", run("resnet20").frame, {"networks": networks, "data": 5})
    (one,) = gather(result, name="train", numbers=())
    assert one.facts == {}


def test_a_network_without_a_name_is_still_drawn():
    frame = pd.DataFrame({"network": [None, "a"], "epoch": 1})
    assert len(gather(Result("train", frame), name="train", numbers=("epoch",))) == 2


def test_no_result_at_all_is_refused():
    with pytest.raises(InputError, match="at least one result"):
        listed([])


def test_long_names_leave_out_the_options_that_all_of_them_share():
    shared = "resnet110:order=full-pre:survival=0.5:width=32"
    found = labels(run(f"{shared}:init=he", f"{shared}:init=zero-bn"))
    assert found == ["resnet110:init=he", "resnet110:init=zero-bn"]
    assert labels(run("resnet20:width=8", "plain20:width=8")) == [
        "resnet20:width=8",
        "plain20:width=8",
    ]


def test_long_names_that_differ_in_the_middle_are_cut_elsewhere():
    one, two = (f"{'a' * 20}{mark}{'b' * 40}" for mark in "xy")
    found = labels(run(one, two))
    assert ["x" in label for label in found] == [True, False]
    assert ["y" in label for label in found] == [False, True]
    assert all(len(label) <= 32 for label in found)
