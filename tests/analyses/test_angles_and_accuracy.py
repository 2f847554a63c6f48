"""Angles between runs of blocks, predictors of damage, and published accuracy."""

import math
import types

import numpy as np
import pandas as pd
import pytest
import torch
from analyses.made_results import entry, result

from resprobe import Architecture, Batches, lesion, load_data, unravel
from resprobe.ranks import spearman
from resprobe.results import Result
from resprobe.statistics import paired_difference, wilson


@pytest.fixture(scope="module")
def images():
    found = load_data("embedded").subset(6)
    return Batches(found, found.normalisation, batch_size=4)


@pytest.fixture(scope="module")
def chain(images):
    model = Architecture("preresnet20", in_channels=1, width=2).build(seed=0)
    return unravel(model, images.example())


def states(chain, x):
    """The activations before every block, and after the last one."""
    found = [chain.stem(x)]
    for step in chain.steps:
        found.append(step(found[-1]))
    return found


def cosine(one, other):
    one, other = (t.flatten(1).double() for t in (one, other))
    return torch.nn.functional.cosine_similarity(one, other)


def test_angles_are_those_between_the_activations_at_both_ends(module, chain, images):
    found = module("angular_distance").distances(chain, images)
    runs = [(0, 1), (1, 1), (2, 1), (0, 2), (1, 2), (0, 3), (4, 1), (5, 1), (4, 2), (7, 1), (8, 1),
            (7, 2)]  # fmt: skip
    assert set(found) == set(runs)
    chain.eval()
    with torch.no_grad():
        at = states(chain, torch.cat([x for x, _ in images]))
    for first, length in runs:
        wanted = cosine(at[first], at[first + length]).clamp(-1, 1).arccos() / math.pi
        assert found[first, length] == pytest.approx(wanted.numpy(), abs=1e-6)
    assert min(angles.min() for angles in found.values()) > 1e-3


def test_runs_lie_within_a_stage_and_are_as_long_as_there_are_several_of(module, chain):
    made = module("angular_distance").Runs((1, 2, 4)).lesions(chain, np.random.default_rng(0))
    assert [lesion.label for lesion in made] == [
        *[f"delete:{i}" for i in (0, 1, 2, 4, 5, 7, 8)],
        *[f"delete:{i}+{i + 1}" for i in (0, 1, 4, 7)],
    ]


def test_angle_and_damage_of_a_run_stand_in_one_row(module, chain, images):
    theirs = module("angular_distance")
    deleted = lesion(chain, images, study=theirs.Runs((1, 2))).frame
    angles = theirs.distances(chain, images)
    table = theirs.together(deleted, angles)
    assert table["length"].tolist() == [1] * 7 + [2] * 4
    assert table["first"].tolist() == [0, 1, 2, 4, 5, 7, 8, 0, 1, 4, 7]
    for row, rise in zip(table.itertuples(), deleted["error_rise"][1:], strict=True):
        assert row.error_rise == rise
        assert row.distance == angles[row.first, row.length].mean()
    for _, runs in table.groupby("length"):
        assert runs.loc[runs["chosen"], "distance"].tolist() == [runs["distance"].min()]


def runs(rises, chosen):
    rows = [{"network": "net", "length": 2, "first": i, "chosen": i == chosen, "distance": i / 10,
             "error_rise": rise} for i, rise in enumerate(rises)]  # fmt: skip
    singles = [{**row, "length": 1} for row in rows]
    return {"runs": result("runs", [*singles, *rows], entry("net"))}


def test_the_run_that_is_chosen_is_compared_with_all_others_of_its_length(module):
    rises = [0.1, 0.3, 0.1, 0.05, 0.4, 0.2]
    pairs, single, trend, language = module("angular_distance").claims(runs(rises, 0))
    assert (pairs.measured, pairs.low, pairs.high) == (3 / 5, *wilson(3, 5))
    assert (pairs.n, pairs.verdict) == (5, "same direction")
    assert "blocks 0 to 1, costs 10.0 points, the others 21.0 in the mean" in pairs.claim
    assert single.claim.startswith("the run of 1")
    assert trend.measured == spearman(range(6), rises).estimate
    assert language.verdict == "not testable here"


def test_a_choice_that_costs_most_is_not_reproduced(module):
    pairs, *_ = module("angular_distance").claims(runs([0.5, 0.3, 0.1, 0.05, 0.4], 0))
    assert (pairs.measured, pairs.verdict) == (0.0, "not reproduced")


# Predictors


def test_novelty_is_the_sine_of_branch_and_shortcut(module, chain, images):
    found = module("predictors").novelty(chain, images)
    chain.eval()
    with torch.no_grad():
        at = states(chain, torch.cat([x for x, _ in images]))
        for number, block in enumerate(chain.blocks):
            between = cosine(block.branch(at[number]), block.shortcut(at[number]))
            wanted = between.clamp(-1, 1).arccos().sin().mean()
            assert found[number] == pytest.approx(float(wanted), abs=1e-6)
    assert 0.01 < found.min() < found.max() < 1


def predicted(ratio, new, rise):
    rows = [{"network": "net", "kind": "identity", "ratio": r, "novelty": n, "error_rise": e}
            for r, n, e in zip(ratio, new, rise, strict=True)]  # fmt: skip
    rows.append({**rows[0], "kind": "transition", "ratio": 99.0, "error_rise": -1.0})
    return {"blocks": result("predictors", rows, entry("net"))}


def test_size_and_novelty_are_correlated_with_damage_over_identity_blocks(module):
    rise = [0.01, 0.02, 0.05, 0.04, 0.06, 0.09, 0.07, 0.1]
    ratio, new = [5, 2, 6, 4, 7, 1, 3, 8], [1, 2, 3, 4, 5, 6, 7, 8]
    size, other, more = module("predictors").claims(predicted(ratio, new, rise))
    assert (size.measured, size.n) == (spearman(ratio, rise).estimate, 8)
    assert size.verdict == "same direction"
    assert (other.measured, other.verdict) == (spearman(new, rise).estimate, "reproduced")
    assert more.measured == pytest.approx(other.measured - size.measured)
    assert more.low < more.measured < more.high
    assert more.verdict == "same direction"


@pytest.mark.parametrize(
    ("rho", "low", "high", "verdict"),
    [(0.1, -0.2, 0.4, "reproduced"), (0.1, -0.6, 0.4, "same direction"),
     (-0.4, -0.6, 0.1, "same direction"), (0.5, 0.2, 0.7, "not reproduced"),
     (-0.7, -0.8, -0.5, "not reproduced"), (0.1, np.nan, np.nan, "same direction")],
)  # fmt: skip
def test_a_correlation_is_weak_where_ranks_share_less_than_a_quarter(
    module, rho, low, high, verdict
):
    assert module("predictors").weak(rho, low, high) == verdict


def test_a_predictor_gains_two_on_its_reverse(module):
    rise = np.arange(9.0)
    assert module("predictors").gain(rise, -rise, rise) == pytest.approx((2.0, 2.0, 2.0))


# Accuracy


def answered(images, **networks):
    rows = [{"network": name, "right": ok} for name, (_, right) in networks.items() for ok in right]
    entries = [
        {**entry(name, images=images, training="width 16"), "architecture": spec}
        for name, (spec, _) in networks.items()
    ]
    for one, (_, right) in zip(entries, networks.values(), strict=True):
        one["data"]["n"] = len(right)
    return result("answers", rows, *entries)


def test_errors_are_counted_and_the_deeper_compared_image_by_image(module):
    deep, shallow = [1, 1, 1, 0, 1, 1], [1, 0, 1, 1, 0, 0]
    found = answered("cifar10", a=("resnet32", deep), other=("resnet20:width=8", [1, 0]),
                     b=("resnet20", shallow))  # fmt: skip
    table = module("accuracy").counted(found).set_index("network")
    assert table.index.tolist() == ["b", "a", "other"]
    assert table["error"].tolist() == pytest.approx([0.5, 1 / 6, 0.5])
    gain, low, high = paired_difference(2, 3, 1, 0)
    assert table.loc["a", ["rise", "rise_low", "rise_high"]].tolist() == [-gain, -high, -low]
    assert table["shallower"].tolist() == ["", "b", ""]
    low, high = wilson(3, 6)
    assert table.loc["b", ["error_low", "error_high"]].tolist() == [1 - high, 1 - low]


@pytest.mark.parametrize(
    ("images", "n", "wrong", "verdict"),
    [("cifar10", 10_000, 827, "reproduced"), ("cifar10", 10_000, 831, "reproduced"),
     ("cifar10", 10_000, 833, "not reproduced"), ("cifar10", 5_000, 414, "not testable here"),
     ("CIFAR-10, JPEG copies", 10_000, 827, "not testable here")],
)  # fmt: skip
def test_a_published_error_is_met_on_its_own_images_alone(module, images, n, wrong, verdict):
    theirs = module("accuracy")
    found = answered(images, net=("resnet20", [0] * wrong + [1] * (n - wrong)))
    table = Result("accuracy", theirs.counted(found), found.meta)
    twenty, *others = theirs.claims({"accuracy": table})
    assert twenty.verdict == verdict
    assert math.isnan(twenty.measured) == (verdict == "not testable here")
    assert [c.verdict.value for c in others] == ["not testable here"] * 3
    assert "resnet56.th" in others[-1].setting


# What scripts share


def test_a_network_is_measured_once(module, tmp_path):
    asked = types.SimpleNamespace(
        parts=tmp_path, found=[types.SimpleNamespace(name=n, read=lambda n=n: n) for n in "ab"]
    )
    seen = []

    def measure(name):
        seen.append(name)
        return Result("x", pd.DataFrame({"network": [name]}), {"networks": [{"network": name}]})

    first, again = (module("kit.tables").measured_once(asked, "x", measure) for _ in range(2))
    assert seen == ["a", "b"]
    assert again.frame["network"].tolist() == first.frame["network"].tolist() == ["a", "b"]
    assert [entry["network"] for entry in again.meta["networks"]] == ["a", "b"]


def test_the_epochs_of_a_training_are_counted_from_its_steps(module):
    recipe = {"images": 5_000, "validation_fraction": 0.1, "batch_size": 64, "iterations": 1_065}
    kept = types.SimpleNamespace(architecture=Architecture("resnet8", width=4), recipe=recipe)
    said = module("kit.subjects").training_of
    assert said(kept) == "width 4, 15 epochs"
    kept.recipe = {}
    assert said(kept) == "width 4"
