import pytest
from analyses.made_results import entry, result


@pytest.fixture(scope="module")
def nearness(module):
    return module("kit.nearness")


def table(*entries):
    return result("magnitude", [{"network": e["network"], "block": 0} for e in entries], *entries)


def test_fully_trained_comes_first_then_cifar_then_residual_then_deep(nearness):
    made = table(
        entry("own-plain", plain=True, blocks=9, images="fashion-mnist-subset"),
        entry("own", blocks=3, images="fashion-mnist-subset"),
        entry("own-deep", blocks=54, images="fashion-mnist-subset"),
        entry("cifar"),
        entry("shallow", training="width 16", blocks=9),
        entry("deep", training="width 16", blocks=15),
    )
    found = nearness.nearest_first(made)
    assert [rows.network for rows in found] == [
        "deep", "shallow", "cifar", "own-deep", "own", "own-plain",
    ]  # fmt: skip
    assert found[0].setting == "deep (width 16); cifar10, test: 10 images"
    assert found[-1].setting.endswith("10 images; without shortcuts, as a control")


def test_each_group_is_a_figure_that_says_how_its_networks_were_trained(nearness):
    published, own = entry("a", training="width 16"), entry("b", images="fashion-mnist-subset")
    made = nearness.drawn(
        table(published, own, entry("c"), entry("d")), "x", ["a", "b", "c"], lambda p: p
    )
    assert list(made) == ["x-published", "x-cifar", "x-embedded"]
    assert set(made) == set(nearness.captioned("x", "What."))
    assert made["x-published"].meta["setting"] == ["width 16"]
    assert made["x-cifar"].frame["network"].tolist() == ["c"]
    assert made["x-embedded"].meta["data"]["data_set"] == "fashion-mnist-subset"
    assert made["x-embedded"].meta["setting"] == ["width 8, 15 epochs"]
