"""What runs of fully connected networks, and of one beside its initialisation, say of alignment."""

import pandas as pd
import pytest
import torch

from resprobe.results import Result


def run(family, depth, *, residual=True, seed=0, trained=True, **more):
    usual = {
        "network": f"{family} {depth} {trained}", "family": family, "depth": depth,
        "residual": residual, "seed": seed, "trained": trained, "blocks": depth, "n": 8,
        "train_error": 0.0, "sigma_1": 2.0 / depth, "beyond_classes": 0.1 if trained else 0.6,
        "within_classes": 1.0, "chance_cosine": depth**-0.5, "variation": 0.1 if trained else 0.5,
        "straightness": 1.0, "first_axis": 0.9 if residual else 0.3, "cosine": 0.95,
        "alignment": 0.5 if residual else 0.02, "diagonal": 0.5, "captured": 1.0, "chance": 0.01,
    }  # fmt: skip
    return {**usual, **more}


def toy(**more):
    """Three depths and two seeds that differ a little, with every published property."""

    def wobbly(seed, **given):
        return {name: value + 0.001 * seed for name, value in given.items()} | more

    return [
        run("fully connected", depth, residual=residual, seed=seed, trained=trained,
            **wobbly(seed, cosine=0.95, beyond_classes=0.1 if trained else 0.6 + 0.01 * seed,
                     alignment=0.5 if residual else 0.02))
        for depth in (4, 8, 16) for residual in (True, False) for seed in (0, 1)
        for trained in (True, False)
    ]  # fmt: skip


def claims(module, rows):
    data = {"data_set": "ten", "split": "test"}
    networks = [{"network": row["network"]} for row in rows]
    result = Result("runs", pd.DataFrame(rows), {"data": data, "networks": networks})
    return list(module("alignment").claims({"runs": result}))


def test_networks_that_have_all_the_properties_reproduce_every_claim(module):
    found = claims(module, toy())
    assert {claim.verdict.value for claim in found} == {"reproduced"}
    assert "rank at most C" in found[0].claim
    (slope,) = [claim for claim in found if "exponent" in claim.claim]
    assert slope.measured == pytest.approx(-1)


def test_the_rank_is_judged_first_and_its_interval_stays_within_what_a_share_can_be(module):
    rows = toy()
    for row in rows:
        row["within_classes"] = float(row["seed"])
    found = claims(module, rows)[0]
    assert (found.measured, found.low, found.high) == (0.5, 0.0, 1.0)
    assert found.verdict.value == "not reproduced"


def test_the_rank_is_reproduced_by_an_interval_that_holds_all_and_not_the_half(module):
    rows = toy()
    for row in rows:
        row["within_classes"] = 0.9 + 0.02 * row["seed"]
    found = claims(module, rows)[0]
    assert found.high == 1.0
    assert (found.low > 0.5, found.verdict) == (True, "reproduced")


def test_an_error_that_training_left_is_named_with_its_network(module):
    assert "no training error left in 12 networks" in claims(module, toy())[0].setting
    rows = toy()
    for row in rows:
        if (row["depth"], row["seed"]) == (16, 1) and row["residual"] and row["trained"]:
            row["train_error"] = 0.002
    assert claims(module, rows)[0].setting.endswith(
        "training error left in 1 of 12 networks, at most 0.2 % (residual, 16 blocks, seed 1)"
    )


def test_without_the_properties_nothing_is_reproduced(module):
    flat = toy(sigma_1=1.0, cosine=0.1, alignment=0.0, beyond_classes=0.5, variation=0.5,
               first_axis=0.5, within_classes=0.0)  # fmt: skip
    verdicts = {claim.verdict.value for claim in claims(module, flat)}
    assert verdicts == {"not reproduced"}


def test_one_network_is_compared_with_its_initialisation_without_an_interval(module):
    before = run("net", 9, trained=False, diagonal=0.6, alignment=float("nan"))
    rows = [*toy(), run("net", 9, alignment=float("nan")), before]
    found = [claim for claim in claims(module, rows) if claim.setting.startswith("net;")]
    assert [claim.verdict.value for claim in found] == [
        "same direction", "not reproduced", "not reproduced",
    ]  # fmt: skip
    assert found[0].setting == "net; ten, test; 9 blocks"
    assert found[1].measured == pytest.approx(-0.1)


def test_clusters_are_as_many_of_each_class_around_centres_that_stay(module):
    clusters = module("kit.clusters").clusters
    ((x, y),) = clusters(40, seed=0)
    ((other, _),) = clusters(40, seed=1)
    assert y.bincount().tolist() == [4] * 10
    assert not torch.equal(x, other)
    centres, others = (torch.stack([z[y == c].mean(0) for c in range(10)]) for z in (x, other))
    assert (centres - others).abs().mean() < 0.5 * (centres - centres.mean(0)).abs().mean()


def test_training_on_clusters_leaves_no_error_and_the_same_seed_the_same_network(module):
    clusters, train = module("kit.clusters").clusters, module("kit.clusters").trained_on
    data = clusters(60, seed=0)
    one, error = train(data, depth=2, residual=True, epochs=15, seed=3)
    again, _ = train(data, depth=2, residual=True, epochs=15, seed=3)
    assert error == 0.0
    assert not one.training
    for key, value in one.state_dict().items():
        assert torch.equal(value, again.state_dict()[key])


def test_a_network_is_summed_up_by_means_over_its_blocks_and_over_stages_of_several(module):
    from types import SimpleNamespace

    stage = {name: 0.0 for name in module("kit.spectra").SAID}
    stages = [{**stage, "blocks": 1, "cosine": 9.0}, {**stage, "blocks": 2, "cosine": 0.5},
              {**stage, "blocks": 4, "cosine": 0.8}]  # fmt: skip
    frame = pd.DataFrame({"network": "a", "n": 3, "sigma_1": [1.0, 3.0], "rank": [10, 11],
                          "beyond_classes": [0.0, 0.5]})  # fmt: skip
    blocks = Result("geometry", frame, {"networks": [{"stages": stages}]})
    row = module("kit.spectra").summed_up(SimpleNamespace(blocks=blocks), 0.25, {"depth": 2})
    found = row.frame.iloc[0]
    assert (found["sigma_1"], found["beyond_classes"], found["within_classes"]) == (2, 0.25, 0.5)
    assert found["cosine"] == pytest.approx((2 * 0.5 + 4 * 0.8) / 6)
    assert found["chance_cosine"] == pytest.approx((2 * 2**-0.5 + 4 * 0.5) / 6)
    assert (found["train_error"], found["depth"]) == (0.25, 2)


def test_what_is_kept_of_a_network_is_not_measured_again(module, tmp_path):
    spectra = module("kit.spectra")
    for name in spectra.NAMES:
        Result(name, pd.DataFrame({"network": [name]}), {}).save_as(tmp_path / f"net-{name}")

    def look():
        pytest.fail("measured again")

    found = spectra.kept(tmp_path / "net", look, {})
    assert [found[name].frame["network"].item() for name in spectra.NAMES] == list(spectra.NAMES)
