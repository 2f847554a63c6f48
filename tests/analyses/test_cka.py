"""Networks that are compared with each other, and what a table of means says of the claims."""

from types import SimpleNamespace

import pandas as pd
import pytest

from resprobe.results import Result


@pytest.fixture(scope="module")
def cka(module):
    return module("cka")


def networks(*names):
    return [SimpleNamespace(name=name) for name in names]


def test_networks_that_differ_in_their_seed_are_a_group_and_others_come_first(cka):
    found = cka.groups(networks("resnet20-w8-s0", "a", "plain20-w8-s0", "resnet20-w8-s1", "b"))
    assert [[network.name for network in group] for group in found] == [
        ["a", "b"], ["resnet20-w8-s0", "resnet20-w8-s1"], ["plain20-w8-s0"],
    ]  # fmt: skip


def test_a_seed_is_at_the_end_of_a_name(cka):
    (alone,) = cka.groups(networks("a-s0-b", "s1"))
    assert len(alone) == 2


def test_those_drawn_together_are_those_that_were_compared(cka):
    frame = pd.DataFrame({"network": ["a", "a", "b", "c", "c", "d"],
                          "other_network": ["a", "b", "b", "c", "d", "d"]})  # fmt: skip
    assert cka._drawn(Result("similarity", frame)) == [["a", "b"], ["c", "d"]]


def results(rows, *, plain=()):
    """Tables of a shallow network with 2 layers, and one with 3."""
    layers = [(name, layer) for name, count in (("shallow", 2), ("deep", 3))
              for layer in range(count)]  # fmt: skip
    pairs = pd.DataFrame(layers, columns=["network", "layer"]).assign(n=100)
    data = {"data_set": "ten", "split": "test"}
    about = [{"network": name, "plain": name in plain} for name in ("shallow", "deep")]
    columns = ["network", "other_network", "measure", "places", "stages", "value", "low", "high",
               "n"]  # fmt: skip
    summary = pd.DataFrame(rows, columns=columns)
    return {
        "similarity": Result("similarity", pairs, {}),
        "similarity-summary": Result("s", summary, {"data": data, "networks": about}),
    }


def difference(network, value, low, high, *, places="output, output - interior, interior"):
    stages = "all" if "-" in places else "same - different"
    return (network, network, "difference", places, stages, value, low, high, 9)


def test_the_deepest_residual_network_is_judged_first(cka):
    rows = [difference("shallow", 0.2, 0.1, 0.3), difference("deep", -0.2, -0.3, -0.1)]
    first, second = cka.claims(results(rows))
    assert (first.setting, first.verdict.value, first.n) == (
        "deep; ten, test",
        "not reproduced",
        100,
    )
    assert (second.setting, second.verdict.value) == ("shallow; ten, test", "reproduced")
    plain_last = list(cka.claims(results(rows, plain=("deep",))))
    assert [claim.setting for claim in plain_last] == ["shallow; ten, test"]


def test_stages_are_judged_of_plain_networks_too(cka):
    rows = [difference("deep", 0.2, -0.1, 0.3, places="output, output")]
    (found,) = cka.claims(results(rows, plain=("deep",)))
    assert (found.claim[:20], found.verdict.value) == ("outputs of one stage", "same direction")


@pytest.mark.parametrize(
    ("value", "low", "high", "verdict"),
    [
        (1.0, 0.8, 1.0, "reproduced"),
        (0.5, 0.3, 0.7, "same direction"),
        (0.1, 0.0, 0.3, "not reproduced"),
    ],
)
def test_layers_that_are_found_again_are_judged_by_the_published_share_and_by_chance(
    cka, value, low, high, verdict
):
    identified = ("shallow", "deep", "identified", "all", "all", value, low, high, 9)
    inside = ("shallow", "deep", "identified", "interior", "all", 1.0, 1.0, 1.0, 4)
    (found,) = cka.claims(results([identified, inside]))
    assert (found.verdict.value, found.n, found.of) == (verdict, 9, "layers")
