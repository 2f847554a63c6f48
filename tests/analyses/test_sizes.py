"""Counts of parameters and multiply-adds, and what is said of them."""

import math

import pandas as pd
import pytest

from resprobe.results import Result


@pytest.fixture(scope="module")
def sizes(module):
    return module("sizes")


@pytest.fixture(scope="module")
def table(module):
    return module("torchvision_table")


def counted(**parameters):
    rows = [
        {"network": name, "family": name.rstrip("0123456789"), "block": "basic", "width": 16,
         "depth": int(name.lstrip("plainrest")), "parameters": count}
        for name, count in parameters.items()
    ]  # fmt: skip
    return {"sizes": Result("sizes", pd.DataFrame(rows), {})}


@pytest.mark.parametrize(
    ("depth", "parameters"),
    [(20, 269_722), (32, 464_154), (44, 658_586), (56, 853_018), (110, 1_727_962),
     (1202, 19_421_274)],
)  # fmt: skip
def test_the_sum_by_hand_is_the_exact_count(sizes, depth, parameters):
    assert sizes.by_hand(depth) == parameters


def test_every_network_with_the_published_number_is_counted(sizes):
    right = counted(plain20=269_722, resnet20=269_722, plain56=853_018, resnet56=853_018)
    first, *_, differs, by_hand = sizes.claims(right)
    assert (first.measured, first.n, first.verdict) == (1.0, 2, "reproduced")
    assert (differs.measured, differs.verdict) == (0.0, "reproduced")
    assert (by_hand.measured, by_hand.verdict) == (0.0, "reproduced")


def test_one_network_that_is_too_large_spoils_the_claim(sizes):
    wrong = counted(plain20=269_722, resnet20=279_722, plain56=853_018, resnet56=853_018)
    first, twenty, fifty_six, differs, by_hand = sizes.claims(wrong)
    assert (first.measured, first.verdict) == (0.5, "not reproduced")
    assert (twenty.measured, twenty.verdict) == (pytest.approx(0.279722), "not reproduced")
    assert fifty_six.verdict == "reproduced"
    assert (fifty_six.n, fifty_six.of) == (1, "network")
    assert "853,018" in fifty_six.setting
    assert (differs.measured, by_hand.measured) == (10_000, 10_000)
    assert (differs.verdict, by_hand.verdict) == ("not reproduced", "not reproduced")


def test_weights_are_what_batch_norm_does_not_have(sizes):
    channels = 16 + 2 * (16 + 32 + 64)  # each has a scale and a shift
    assert sizes.weights_of("resnet8") == 75_290 - 2 * channels


@pytest.mark.parametrize(
    ("count", "published", "agree"),
    [(3_644_493_824, "3.6", True), (3_857_973_248, "3.8", False), (11_513_626_624, "11.514", True),
     (11_513_626_624, "11.6", False)],
)  # fmt: skip
def test_costs_are_compared_to_the_published_digits(table, count, published, agree):
    assert table.agrees(count, published) is agree


def looked_at(table, **errors):
    rows = [
        {"network": "resnet18", "layout": "", "parameters": 11_689_512,
         "multiply_adds": 1_814_073_344},
        {"network": "resnet50", "layout": "v1.5", "parameters": 25_557_032,
         "multiply_adds": 4_089_184_256},
        {"network": "resnet50", "layout": "paper", "parameters": 25_557_032,
         "multiply_adds": 3_857_973_248},
    ]  # fmt: skip
    seen = [["resnet50", 0, 0, 0], *([name, 50_000, *wrong] for name, wrong in errors.items())]
    columns = ["network", "n", "top1_wrong", "top5_wrong"]
    results = {"sizes": Result("sizes", pd.DataFrame(rows), {}),
               "errors": Result("errors", pd.DataFrame(seen, columns=columns), {})}  # fmt: skip
    return list(table.claims(results))


def test_each_layout_is_held_against_its_own_source(table):
    found = looked_at(table)
    assert (found[0].measured, found[0].n, found[0].verdict) == (1.0, 2, "reproduced")
    assert {(c.n, c.of) for c in found[1:] if "error" not in c.claim} == {(1, "network")}
    costs = [c for c in found if c.claim.startswith("G multiply-adds of resnet50")]
    assert [(c.claim.partition(", ")[2], c.verdict) for c in costs] == [
        ("torchvision's layout", "reproduced"), ("the paper's layout", "not reproduced"),
    ]  # fmt: skip


def test_errors_that_were_not_measured_are_said_to_want_imagenet(table):
    found = [c for c in looked_at(table) if "error" in c.claim]
    assert len(found) == 14
    assert {c.verdict for c in found} == {"not testable here"}
    assert all(math.isnan(c.measured) and "ImageNet" in c.setting for c in found)


def test_errors_are_judged_where_imagenet_is(table):
    found = {c.claim: c for c in looked_at(table, resnet18=(15_121, 9_000))}
    top1, top5 = (found[f"top-{top} error of resnet18, one crop"] for top in (1, 5))
    assert (top1.measured, top1.verdict) == (pytest.approx(0.30242), "reproduced")
    assert (top5.measured, top5.verdict) == (0.18, "not reproduced")


def test_first_guesses_and_first_five_are_told_apart(table):
    import torch

    logits = torch.tensor([[9.0, 8, 7, 6, 5, 4], [9.0, 8, 7, 6, 5, 4], [9.0, 8, 7, 6, 5, 4]])
    batches = [(logits[:2], torch.tensor([0, 4])), (logits[2:], torch.tensor([5]))]
    assert table.wrong(torch.nn.Identity(), batches) == (2, 1)
