"""What five scripts say of read-outs: verdicts of tables made by hand."""

import doctest
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from analyses.made_results import entry, result

from resprobe import Architecture, Batches, load_data, unravel
from resprobe.statistics import wilson


def judged(module, name, kind, rows, **facts):
    table = result("readout", [{"network": "net", **row} for row in rows], entry("net", **facts))
    return list(module(name).claims({kind: table}))


@pytest.mark.parametrize("name", ["late_readout", "kit.comparisons", "branch_sizes"])
def test_examples_give_what_they_say(module, name):
    assert doctest.testmod(module(name)) == (0, 2)


def cosines(*values, se=0.001):
    return [{"block": i, "cosine": c, "cosine_se": se, "cosine_n": 50}
            for i, c in enumerate(values)]  # fmt: skip


def test_blocks_that_go_down_the_loss_are_counted_and_gaps_are_not(module):
    share, last, order = judged(
        module, "loss_direction", "cosine", cosines(0.1, -0.1, math.nan, -0.2, -0.3, -0.12)
    )
    assert (share.measured, share.n, share.verdict) == (0.8, 5, "same direction")
    assert (share.low, share.high) == wilson(4, 5)
    assert (last.measured, last.n, last.verdict) == (-0.12, 50, "reproduced")
    assert last.low == pytest.approx(-0.12 - 1.96 * 0.001)
    assert order.measured == pytest.approx(-0.7)


@pytest.mark.parametrize(
    ("cosine", "verdict"), [(-0.3, "same direction"), (0.02, "not reproduced")]
)
def test_a_last_cosine_far_from_the_published_one_is_no_hit(module, cosine, verdict):
    _, last, _ = judged(module, "loss_direction", "cosine", cosines(0.0, -0.1, 0.1, cosine))
    assert last.verdict == verdict


def test_a_network_without_cosines_has_no_direction(module):
    assert judged(module, "loss_direction", "cosine", cosines(math.nan, math.nan)) == []


def heads(*accuracies, n=1_000):
    probes = np.linspace(0.2, 0.9, len(accuracies))
    return [
        {"block": i, "n": n, "head_accuracy": head, "probe_accuracy": probe}
        for i, (head, probe) in enumerate(zip(accuracies, probes, strict=True))
    ]


@pytest.mark.parametrize(
    ("accuracies", "verdict"),
    [
        ((math.nan, 0.1, 0.3, 0.5, 0.7, 0.9), "reproduced"),
        ((math.nan, 0.1, 0.48, 0.6, 0.7, 0.9), "same direction"),  # of few images
        ((math.nan, 0.1, 0.1, 0.1, 0.1, 0.9), "not reproduced"),
    ],
)
def test_a_climb_is_gradual_where_its_largest_step_is_less_than_half_of_it(
    module, accuracies, verdict
):
    n = 40 if verdict == "same direction" else 1_000
    step, probes = judged(module, "late_readout", "readout", heads(*accuracies, n=n))
    rises = np.diff(accuracies[1:])
    assert step.measured == pytest.approx(rises.max() / (accuracies[-1] - 0.1))
    assert (step.n, step.of, step.verdict) == (n, "images", verdict)
    assert step.claim.endswith("4 steps")
    assert (probes.measured, probes.verdict) == (1.0, "reproduced")


def test_a_last_stage_of_few_blocks_cannot_be_gradual(module):
    (probes,) = judged(module, "late_readout", "readout", heads(math.nan, 0.1, 0.5, 0.7, 0.9))
    assert "probes" in probes.claim


def test_the_interval_of_a_step_is_that_of_many_draws(module):
    accuracy, n = np.array([0.2, 0.3, 0.6, 0.7, 0.8]), 2_000
    share, low, high = module("late_readout").share_of_climb(accuracy, n)
    drawn = np.random.default_rng(0).binomial(n, accuracy, size=(20_000, 5)) / n
    shares = (drawn[:, 2] - drawn[:, 1]) / (drawn[:, 4] - drawn[:, 0])
    assert share == pytest.approx(0.5)
    assert high - share == pytest.approx(1.96 * shares.std(), rel=0.03)
    assert share - low == pytest.approx(high - share)


def errors(stds, means=None, se=0.001):
    means = means or [0.01] * len(stds)
    return [
        {"block": i, "n": 100, "stage": 1 + i // 4, "error_std": std, "error_mean": mean,
         "error_mean_se": se}
        for i, (std, mean) in enumerate(zip(stds, means, strict=True))
    ]  # fmt: skip


def test_steps_to_the_last_block_of_a_stage_do_not_count_as_falls(module):
    bias, falls = judged(module, "estimation", "error", errors([3, 2, 1, 0, 1, 3, 2, 0]))
    assert (falls.n, falls.measured) == (4, 0.75)
    assert (falls.low, falls.high) == wilson(3, 4)
    assert (bias.measured, bias.verdict) == (0.01, "reproduced")


@pytest.mark.parametrize(
    ("mean", "verdict"),
    [(-0.2, "not reproduced"), (0.0995, "same direction"), (-0.05, "reproduced")],
)
def test_the_largest_bias_decides_whatever_its_sign(module, mean, verdict):
    rows = errors([3, 2, 1, 0], [0.0, 0.0, mean, 9.0])
    bias, _ = judged(module, "estimation", "error", rows)
    assert (bias.measured, bias.n, bias.verdict) == (pytest.approx(abs(mean)), 100, verdict)
    assert bias.high - bias.measured == pytest.approx(1.96 * 0.001)


def groups(borderline, confident, n=400):
    rows = []
    for judge in ("after", "before"):
        for group, correct in (("borderline", borderline), ("confident", confident)):
            for block, right in enumerate(correct if judge == "before" else [n] * len(correct)):
                low, high = wilson(right, n)
                rows.append({"judged": judge, "group": group, "block": block, "n": n,
                             "accuracy": right / n, "accuracy_low": low,
                             "accuracy_high": high})  # fmt: skip
    return rows


def test_groups_are_followed_over_the_last_five_blocks(module):
    rows = groups([0, 100, 0, 0, 0, 0, 200], [0, 300, 0, 0, 0, 0, 280])
    near, others, unrolled = judged(module, "borderline", "borderline", rows)
    assert (near.measured, near.n, near.verdict) == (0.25, 400, "reproduced")
    assert (others.measured, others.verdict) == (pytest.approx(-0.05), "same direction")
    assert near.claim.startswith("the last 5 blocks repair")
    assert unrolled.verdict == "not testable here"


def test_a_last_stage_of_five_blocks_is_not_judged_and_stands_last(module):
    rows = [
        {"network": name, **row}
        for name, blocks in (("short", 5), ("long", 6))
        for row in groups([100] * blocks, [300] * blocks)
    ]
    both = result("readout", rows, entry("short", blocks=60), entry("long", blocks=18))
    *judged_ones, short, unrolled = module("borderline").claims({"borderline": both})
    assert [c.setting.partition(" ")[0] for c in judged_ones] == ["long", "long"]
    assert short.setting.startswith("short")
    assert "last stage has 5 blocks" in short.setting
    assert {c.verdict for c in (short, unrolled)} == {"not testable here"}


def test_a_rise_has_the_interval_of_newcombe_for_two_sets_of_images(module):
    first, last = (
        pd.Series({"accuracy": k / n, "accuracy_low": wilson(k, n)[0],
                   "accuracy_high": wilson(k, n)[1]})
        for k, n in ((48, 80), (56, 70))
    )  # fmt: skip
    rise, low, high = module("borderline").risen(first, last)
    # Newcombe 1998, Table II: 56/70 less 48/80
    assert (round(rise, 4), round(low, 4), round(high, 4)) == (0.2, 0.0524, 0.3339)


def decided(*images, depth=5.55):
    return [
        {"method": method, "block": i, "n": 1_000, "images": count if method != "probe" else 0,
         "depth": depth, "depth_low": depth - 0.01, "depth_high": depth + 0.01}
        for method in ("probe", "probe-stable")
        for i, count in enumerate(images)
    ]  # fmt: skip


def test_what_no_block_decides_needs_the_whole_depth(module):
    # ten blocks: a third is the first three, beyond 70 % the last three and the head
    rows = decided(100, 100, 200, 50, 50, 0, 50, 100, 50, 50, 250)
    early, late, depth = judged(module, "decision_depth", "decisions", rows)
    assert (early.measured, early.verdict) == (0.4, "reproduced")
    assert (late.measured, late.verdict) == (0.45, "reproduced")
    assert (late.low, late.high) == wilson(450, 1_000)
    assert depth.verdict == "reproduced"


def test_shares_and_depths_off_the_published_ranges_are_not_reproduced(module):
    rows = decided(900, 100, 0, 0, 0, 0, 0, depth=2.0)
    assert {claim.verdict for claim in judged(module, "decision_depth", "decisions", rows)} == {
        "not reproduced"
    }


@pytest.fixture(scope="module")
def subject(module):
    images = load_data("embedded", split="test")
    data = Batches(images, images.normalisation)
    model = Architecture("resnet8", in_channels=1, width=2).build(seed=0)
    return module("kit.subjects").Subject(
        name="net", chain=unravel(model, data.example()), data=data,
        about={"training": "none"}, architecture=None,
    )  # fmt: skip


def test_a_script_keeps_the_columns_it_asks_for_and_reads_nothing_twice(module, subject, tmp_path):
    asked_for = []

    def read(split="test"):
        asked_for.append(split)
        images = load_data("embedded", split=split)
        return replace(subject, data=Batches(images, images.normalisation))

    network = SimpleNamespace(name="net", read=read)
    asked = SimpleNamespace(found=[network], parts=tmp_path, images=20, fit_images=30)
    read_out = module("kit.readouts").read_out
    for probes, splits in ((False, ["test"]), (True, ["test", "train"])):
        asked_for.clear()
        take = {"take": lambda r: r.blocks, "probes": probes, "columns": ("cosine", "probe_n")}
        found = read_out(asked, f"kind-{probes}", **take)
        assert asked_for == splits
        assert list(found.frame)[-2:] == ["cosine", "probe_n"]
        assert len(found.frame.columns) == 8
        assert found.frame["probe_n"].iloc[0] == 30 * probes
        again = read_out(asked, f"kind-{probes}", **take)
        assert asked_for == splits
        pd.testing.assert_frame_equal(again.frame, found.frame)
