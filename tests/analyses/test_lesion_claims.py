"""Deletions, orders and paths: what is claimed follows from tables made by hand."""

import numpy as np
import pandas as pd
import pytest
import torch
from analyses.made_results import entry, result

from resprobe import Architecture, Batches, lesion, load_data, studies, unravel
from resprobe.ranks import spearman

NET = {"blocks": 54, "training": "width 8, 15 epochs"}


def lesions(rows, *entries):
    blank = {"network": "net", "kind": "identity", "lesion": "delete", "n": 100, "k": 1,
             "deletable": True, "name": "", "blocks": "0", "kendall_tau": np.nan,
             "error_rise": 0.0, "error_rise_low": -0.5, "error_rise_high": 0.5,
             "accuracy_low": 0.05, "accuracy_high": 0.2}  # fmt: skip
    return result("lesion", [{**blank, **row} for row in rows], *entries)


INTACT = {"lesion": "intact", "kind": "intact", "k": 0, "error": 0.1}


def single(identity, transition, **facts):
    rows = [{"error_rise": rise} for rise in identity]
    rows += [{"error_rise": rise, "kind": "transition"} for rise in transition]
    return {"single": lesions([INTACT, *rows], entry("net", **{**NET, **facts}))}


def test_identity_blocks_are_held_against_transitions(module):
    difference, median, most = module("deletion").claims(
        single([0.001] * 19 + [0.02, 0.3], [0.2, 0.4])
    )
    assert (difference.measured, difference.low, difference.high) == pytest.approx([-0.299] * 3)
    assert (median.measured, median.n) == (pytest.approx(0.001), 21)
    assert (most.measured, most.low, most.high, most.n) == (0.3, -0.5, 0.5, 100)
    assert [c.verdict.value for c in (difference, median, most)] == [
        "reproduced", "reproduced", "not reproduced",
    ]  # fmt: skip
    assert difference.claim.startswith("transitions cost more than the median identity block")
    assert "2 transitions, 30.00 % (held fixed)" in difference.claim
    assert "2 of 21 cost a point or more" in most.claim
    assert "intact error 10.0 %" in median.setting


def test_a_network_whose_transitions_are_spared_does_not_reproduce_it(module):
    difference, *_ = module("deletion").claims(single([0.1] * 9, [0.0, 0.01]))
    assert difference.verdict == "not reproduced"


def test_nothing_is_claimed_of_a_plain_network(module):
    assert list(module("deletion").claims(single([0.1] * 9, [0.1], plain=True))) == []


@pytest.mark.parametrize(
    ("rise", "high", "verdict"),
    [(0.002, 0.009, "reproduced"), (0.002, 0.01, "same direction"),
     (0.002, np.nan, "same direction"), (0.01, 0.02, "not reproduced")],
)  # fmt: skip
def test_below_a_point_is_not_noticed(module, rise, high, verdict):
    assert module("deletion").unnoticed(rise, high) == verdict


def random(error, blocks=54):
    rows = [{"k": k, "error": error(k) + draw} for k in range(1, 21) for draw in (-0.01, 0, 0.01)]
    return {"random": lesions([{**INTACT, "error": 0.1}, *rows], entry("net", blocks=blocks))}


def test_ten_and_twenty_deletions_are_those_of_the_table(module):
    ten, twenty, trend = module("deletions").claims(random(lambda k: 0.1 + k / 100))
    assert (ten.measured, ten.n, ten.verdict) == (pytest.approx(0.2), 3, "reproduced")
    assert (twenty.measured, twenty.verdict) == (pytest.approx(0.3), "not reproduced")
    assert (trend.measured, trend.n, trend.verdict) == (1.0, 20, "same direction")


def test_many_deletions_that_end_beyond_half_of_the_way_to_chance_are_a_severe_drop(module):
    ten, twenty, _ = module("deletions").claims(random(lambda k: 0.04 * k))
    assert (ten.verdict, twenty.verdict) == ("same direction", "reproduced")


def test_in_a_smaller_network_fewer_blocks_are_ten_and_twenty(module):
    ten, twenty, _ = module("deletions").claims(random(lambda k: k / 25, blocks=27))
    assert (ten.measured, twenty.measured) == pytest.approx((5 / 25, 10 / 25))
    assert "5 of 27 blocks deleted at random (10 of 54, scaled)" in ten.claim


def test_disorder_and_error_are_correlated_over_all_orders(module):
    taus, errors = [0.9, 0.8, 0.7, 0.5, 0.2, 0.1], [0.1, 0.2, 0.15, 0.4, 0.6, 0.5]
    rows = [{"kendall_tau": t, "error": e} for t, e in zip(taus, errors, strict=True)]
    made = lesions(
        [{**INTACT, "kendall_tau": 1.0}, *rows],
        entry("net"),
    )
    (claim,) = module("reordering").claims({"shuffle": made})
    wanted = spearman([-t for t in taus], errors)
    assert (claim.measured, claim.low, claim.n) == (wanted.estimate, wanted.low, 6)
    assert claim.measured > 0.5


def paths(decay, mode, effective):
    (low, high), lengths, rows = effective, np.arange(55), []
    for method in ("sampled", "exact", "rms"):
        for k in lengths:
            rows.append({"network": "net", "method": method, "length": k, "n": 32, "draws": 5,
                         "norm": 3 * decay**k * (1 + 0.01 * (-1) ** k), "paths_share": 0.001,
                         "weight": 1.0 * (k == mode), "effective": low <= k <= high})  # fmt: skip
    return {"paths": result("paths", rows, entry("net", **NET))}


def test_a_decay_is_the_slope_of_a_straight_line(module):
    factor, *_ = module("path_gradients").claims(paths(0.5, 10, (5, 17)))
    assert factor.measured == pytest.approx(0.5, rel=1e-3)
    assert factor.low < 0.5 < factor.high < 0.51
    assert (factor.n, factor.verdict) == (55, "reproduced")


@pytest.mark.parametrize(
    ("left", "verdict"), [(0.04, "reproduced"), (0.06, "same direction"), (0.2, "same direction")]
)
def test_a_fall_that_no_straight_line_fits_is_no_exponential(module, left, verdict):
    assert module("path_gradients").decays(0.7, 0.6, 0.8, 1 - left) == verdict


@pytest.mark.parametrize(("factor", "verdict"), [(0.9, "same direction"), (1.1, "not reproduced")])
def test_a_straight_line_is_not_enough(module, factor, verdict):
    found = module("path_gradients").decays(factor, factor - 0.2, factor + 0.2, 1.0)
    assert found == verdict


@pytest.mark.parametrize(
    ("effective", "verdicts"),
    [((5, 17), ["reproduced"] * 2), ((4, 18), ["reproduced"] * 2),
     ((3, 19), ["same direction"] * 2), ((27, 30), ["not reproduced"] * 2)],
)  # fmt: skip
def test_effective_lengths_are_shares_of_the_blocks_to_one_block(module, effective, verdicts):
    found = list(module("path_gradients").claims(paths(1.1, 30, effective)))
    assert len(found) == 1 + 3 + 3 + 1
    assert [c.verdict.value for c in found[2:4]] == verdicts
    assert [c.measured for c in found[2:4]] == pytest.approx([end / 54 for end in effective])
    assert found[0].verdict == "not reproduced"
    assert (found[1].measured, found[1].verdict) == (30 / 54, "not reproduced")
    assert found[1].setting.endswith("10 images, 5 paths of each length")
    assert found[-1].measured == pytest.approx(0.001 * (effective[1] - effective[0] + 1))


# Plain networks


def deleted(name, errors, **facts):
    rows = [{**INTACT, "network": name}]
    rows += [{"network": name, "blocks": str(i), "name": f"layer{i}", "error": e,
              "error_rise": e - 0.1} for i, e in enumerate(errors)]  # fmt: skip
    rows.append({"network": name, "blocks": "9", "kind": "transition", "deletable": False})
    return rows, entry(name, **facts)


def plain_results(plain_errors, **other):
    plain, about = deleted("plain", plain_errors, plain=True)
    residual, beside = deleted("res", [0.2, 0.2, 0.3, 0.2], **other)
    layers = lesions(plain, about)
    return {"layers": layers, "blocks": lesions([*plain, *residual], about, beside)}


def test_deletions_of_a_plain_network_are_held_against_chance_and_a_residual_one(module):
    errors = [0.9, 0.85, 0.95, 0.88]
    found = list(module("plain_deletion").claims(plain_results(errors)))
    mean, least, of_pairs, _, contrast = found
    assert mean.measured == of_pairs.measured == pytest.approx(np.mean(errors))
    assert (mean.n, mean.verdict) == (4, "reproduced")
    assert (least.measured, least.low, least.high) == pytest.approx((0.85, 0.8, 0.95))
    assert least.claim.endswith("matters least, layer1")
    assert contrast.measured == pytest.approx(np.mean(errors) - 0.225)
    assert (contrast.n, contrast.verdict) == (4, "reproduced")


@pytest.mark.parametrize("other", [{"blocks": 4}, {"training": "width 16"}, {"images": "cifar100"}])
def test_a_residual_network_that_differs_otherwise_is_no_contrast(module, other):
    found = list(module("plain_deletion").claims(plain_results([0.9, 0.3, 0.9, 0.9], **other)))
    assert len(found) == 4
    assert found[1].verdict == "not reproduced"


def test_layers_of_a_chain_are_those_of_the_model_itself(module):
    data = load_data("embedded").subset(20)
    data = Batches(data, data.normalisation)
    torch.manual_seed(0)
    model = Architecture("plain14", in_channels=1, width=2).build()
    chain = unravel(model, data.example())
    again, wanted = (
        lesion(unravel(whole, data.example(), layers=True), data, study=studies.Layers()).frame
        for whole in (chain, model)
    )
    again = module("plain_deletion").with_own_names(again)
    columns = ["lesion", "name", "stage", "kind", "correct", "deletable"]
    pd.testing.assert_frame_equal(again[columns], wanted[columns])
    assert wanted["correct"].nunique() > 2
