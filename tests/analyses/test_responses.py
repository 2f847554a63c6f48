"""Responses: what is compared with what, and what follows from it."""

import numpy as np
import pytest
from analyses.made_results import entry, result

from resprobe.statistics import spread


@pytest.fixture(scope="module")
def script(module):
    return module("responses")


def layers(*, norm="batch", training="width 8, 15 epochs", images="cifar10", **networks):
    rows, entries = [], []
    for name, responses in networks.items():
        for layer, response in enumerate(responses):
            row = {"network": name, "layer": layer, "block": layer // 2, "place": "branch"}
            row |= {"norm": norm, "rank": 1.0, "response_std": response}
            rows.append(row | {"from_batch_norm": response})
        blocks = (len(responses) + 1) // 2
        plain = name.startswith("plain")
        entries.append(entry(name, blocks=blocks, plain=plain, training=training, images=images))
    return result("magnitude-responses", rows, *entries)


def together(*results):
    rows = [row for one in results for row in one.frame.to_dict("records")]
    entries = [e for one in results for e in one.meta["networks"]]
    return result("magnitude-responses", rows, *entries)


def judged(script, responses, gradients=None, stored=None):
    none = result("gradflow", [{"network": "none"}])
    empty = responses.frame.assign(from_batch_norm=np.nan)
    stored = stored or type(responses)(responses.name, empty, responses.meta)
    found = {"responses": responses, "gradients": gradients or none, "stored": stored}
    return list(script.claims(found))


def test_plain_and_residual_networks_are_paired_by_depth_and_seeds_are_averaged(script):
    made = layers(
        plain_a=[1.0, 2.0, 3.0],
        plain_b=[3.0, 2.0, 3.0],
        resnet=[1.0, 1.0, 1.3],
        deep=[0.5, 0.5, 0.6, 0.5, 0.4],
    )
    paired, deeper = judged(script, made)
    wanted = spread([1 - 2, 1 - 2, 1.3 - 3])
    assert (paired.measured, paired.low, paired.high) == pytest.approx(
        (wanted.mean, wanted.low, wanted.high)
    )
    assert (paired.n, paired.of) == (3, "layers")
    assert (paired.verdict, deeper.verdict) == ("reproduced", "reproduced")
    assert deeper.measured == pytest.approx(-0.6)
    assert "6 less 4 layers" in deeper.claim
    assert paired.setting == (
        "resnet, plain_a, plain_b (width 8, 15 epochs); cifar10, test: 10 images; layers as if "
        "independent"
    )


def test_where_both_kinds_have_several_seeds_these_are_what_varies(script):
    made = layers(
        plain_a=[3.0, 2.0, 4.0], plain_b=[3.0, 2.5, 3.0], plain_c=[2.9, 3.0, 3.1],
        a=[1.0, 1.0, 1.3], b=[1.2, 0.9, 1.0],
    )  # fmt: skip
    (claim,) = judged(script, made)
    wanted = script.welch(np.array([3.3 / 3, 3.1 / 3]), np.array([3.0, 8.5 / 3, 3.0]))
    assert (claim.measured, claim.low, claim.high) == pytest.approx(wanted)
    assert (claim.n, claim.of) == (2, "seeds of each")
    assert "independent" not in claim.setting


def test_the_deepest_pair_is_the_headline(script):
    made = layers(
        plain=[3.0, 2.0, 3.0], a=[1.0, 1.0, 1.3],
        plain_deep=[3.0, 2.0, 3.0, 4.0, 3.0], b=[1.0, 1.0, 1.3, 1.0, 1.1],
    )  # fmt: skip
    assert ["6 layers" in c.claim for c in judged(script, made)] == [True, False, False]


def test_networks_of_another_training_or_other_images_are_not_compared(script):
    plain = layers(plain=[3.0, 2.0, 3.0])
    for other in (
        {"training": "width 16"},
        {"training": "width 8, 10 epochs"},
        {"images": "fashion-mnist-subset"},
        {"images": "cifar100"},
    ):
        assert judged(script, together(plain, layers(resnet=[1.0, 1.0, 1.3], **other))) == []


def test_the_headline_is_of_the_pair_for_cifar_whatever_comes_first(script):
    pair = {"plain": [3.0, 2.0, 3.0], "resnet": [1.0, 1.0, 1.3]}
    published = layers(training="width 16", a=[1.0, 1.5, 1.2], b=[0.1, 0.2, 0.1, 0.3, 0.2])
    made = together(layers(images="fashion-mnist-subset", **pair), published, layers(**pair))
    claims = judged(script, made)
    assert "cifar10" in claims[0].setting
    assert ["less plain" in claim.claim for claim in claims] == [True, True, False]


def test_pre_activation_networks_are_left_out(script):
    pair = together(layers(plain=[3.0, 2.0, 3.0]), layers(norm="", resnet=[1.0, 1.0, 1.3]))
    assert judged(script, pair) == []


def test_welch_is_that_of_the_textbook(script):
    from scipy.stats import ttest_ind

    one, other = np.array([1.0, 2.5, 3.0, 4.0]), np.array([2.0, 4.0, 9.0])
    wanted = ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
    _, low, high = script.welch(one, other)
    assert (low, high) == pytest.approx((wanted.low, wanted.high))


@pytest.mark.parametrize(("gap", "verdict"), [(1e-4, "reproduced"), (-0.01, "not reproduced")])
def test_a_layer_that_its_norm_does_not_speak_for_is_found(script, gap, verdict):
    made = layers(resnet=[1.0, 1.0, 1.0 + gap])
    made.frame["from_batch_norm"] = 1.0
    (claim,) = judged(script, made, stored=made)
    assert claim.measured == pytest.approx(1 + gap)
    assert claim.verdict == verdict


@pytest.mark.parametrize(
    ("factor", "verdict"),
    [(1.05, "reproduced"), (1.19, "same direction"), (1.25, "not reproduced")],
)
def test_trained_plain_networks_are_held_against_the_factor_of_new_ones(script, factor, verdict):
    growth = {"factor": factor, "low": factor - 0.05, "high": factor + 0.05, "blocks": 7}
    nets = [entry(name, plain=name == "plain", growth=growth) for name in ("plain", "resnet")]
    flow = result("gradflow", [{"network": n["network"]} for n in nets], *nets)
    (claim,) = judged(script, layers(resnet=[1.0, 1.0, 1.0]), gradients=flow)
    assert (claim.measured, claim.n, claim.verdict) == (factor, 7, verdict)
