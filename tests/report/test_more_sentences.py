"""Sentences on paths, sizes, read-outs and the networks themselves, in both directions."""

from __future__ import annotations

import pandas as pd
import pytest

from resprobe.report import sentences
from resprobe.report.sentences import worth_sentence
from resprobe.results import Result

NAN = float("nan")


def meta(*networks: str) -> dict:
    return {"networks": [{"network": n, "plain": n.startswith("plain")} for n in networks]}


def said(name: str, function, rows: list[dict], **kin) -> str:
    networks = dict.fromkeys(row["network"] for row in rows)
    result = Result(name, pd.DataFrame(rows), meta(*networks))
    known = {n: (n.startswith("plain"), kin.get(n, 4)) for n in networks}
    return " ".join(function([result], kin=known)).replace("\u00a0", " ")


def paths(weights: list[float], **more) -> str:
    shares = [1, 3, 3, 1][: len(weights)]
    rows = [
        {"network": "r", "method": "exact", "transitions": "counted", "length": length,
         "paths_share": share / 8, "weight": weight, "effective": weight > 0.2}
        for length, (share, weight) in enumerate(zip(shares, weights, strict=True))
    ]  # fmt: skip
    return said("paths", sentences.path_sentences, rows, **more)


def test_short_paths_that_weigh_more_are_told_with_their_lengths():
    text = paths([0.3, 0.5, 0.12, 0.08])
    assert "takes 1.5 branches in the mean over all paths, and 1.0 in the mean when " in text
    assert "each length counts by its number × norm: short paths weigh more than their" in text
    assert (
        "In r paths of lengths 0 to 1 (of 0 to 3) have 80.0 % of the sum of number × norm; " in text
    )
    assert text.endswith("they are 50.0 % of all paths.")
    assert "gradient" not in text


def test_long_paths_that_weigh_more_are_told_as_the_opposite():
    text = paths([0.05, 0.15, 0.5, 0.3])
    assert "long paths weigh more than their number says, the opposite of what Veit" in text


def test_paths_that_weigh_what_their_number_says():
    assert "weigh about what their number says" in paths([1 / 8, 3 / 8, 3 / 8, 1 / 8])


@pytest.mark.parametrize("weights", [[NAN] * 4, [0.0] * 4, [NAN]])
def test_paths_of_no_known_weight_are_not_judged(weights):
    assert paths(weights) == "Which lengths of path weigh most in r cannot be told."


def sizes(ratios: list[float], network: str = "r", response: float = 0.5) -> str:
    rows = [
        {"network": network, "block": block, "kind": "identity", "ratio": ratio,
         "response_std": response * (1 + block)}
        for block, ratio in enumerate(ratios)
    ]  # fmt: skip
    return said("magnitude", sentences.magnitude_sentences, rows)


def test_branches_that_shrink_along_the_depth_and_branches_that_grow():
    text = sizes([2.0, 1.0, 0.2, 0.1])
    assert text.startswith(
        "In r the branch is 0.1 to 2 times as large as its shortcut (median 0.6), most in block 0."
    )
    assert "are larger in the first half of the blocks than in the last: 1.5 against 0.15" in text
    assert "are smaller in the first half" in sizes([0.1, 0.2, 1.0, 2.0])


def test_branches_of_one_size_one_block_and_lost_ones():
    assert "about as large in the first half as in the last" in sizes([1.0] * 4)
    assert "most in block" not in sizes([1.0] * 4)
    assert sizes([0.5]) == "In r the branch is 0.5 times as large as its shortcut."
    assert "In 1 of its 2 blocks the ratio is not finite." in sizes([0.5, float("inf")])


def test_a_plain_network_has_no_shortcut_to_compare_with():
    text = sizes([NAN, NAN], network="plain", response=0.5)
    assert text.startswith("plain has no shortcuts to compare its 2 blocks with")
    assert text.endswith("responses is 0.5 to 1.")
    assert sizes([NAN], response=NAN) == "Nothing is known of the size of r's blocks."


def responses(kin=None, **medians: float) -> str:
    rows = [
        {"network": network, "layer": layer, "response_std": median * (0.5 + layer / 2), "rank": 1}
        for network, median in medians.items()
        for layer in range(3)
    ]
    return said("magnitude-responses", sentences.response_sentences, rows, **(kin or {}))


def test_responses_of_plain_and_residual_networks_are_compared_both_ways():
    finding = "He et al. (2015) found of those of the plain network"
    text = responses(plain=0.8, r=0.4)
    assert "Half of r's layers respond with a standard deviation below 0.4." in text
    assert f"responses of r are smaller than those of plain, as {finding}." in text
    text = responses(plain=0.4, r=0.8)
    assert f"larger than those of plain, the opposite of what {finding}." in text
    assert "about as large as those of plain" in responses(plain=0.4, r=0.4)


def test_a_deeper_residual_network_is_compared_with_a_shallower_one():
    kin = {"deep": 8, "r": 4}
    text = responses(kin, deep=0.2, r=0.4)
    assert (
        "of deep are smaller than those of r, as He et al. (2015) found of those of the sh" in text
    )
    assert "the opposite of what He" in responses(kin, deep=0.4, r=0.2)
    assert responses(kin, deep=NAN, r=0.2).count("deep") == 0


def readouts(probe: list[float], head: list[float], cosines: list[float], se: float) -> str:
    rows = [
        {"network": "r", "block": block, "probe_accuracy": p, "head_accuracy": h, "cosine": c,
         "cosine_se": se}
        for block, (p, h, c) in enumerate(zip(probe, head, cosines, strict=True))
    ]  # fmt: skip
    return said("readout", sentences.readout_sentences, rows)


def test_readouts_that_grow_and_branches_that_go_down_the_loss():
    text = readouts([0.3, 0.5, 0.4, 0.8], [NAN, NAN, 0.2, 0.9], [NAN, -0.1, -0.2, 0.1], 0.06)
    assert "is right on 30.0 % after block 0 and on 80.0 % after block 3" in text
    assert "it rises at 2 of 3 steps." in text
    assert "earlier blocks of r, is right on 20.0 % after block 2 and on 90.0 % after" in text
    assert "In 2 of 3 blocks of r the branch points down the loss" in text
    assert text.endswith(
        "(mean cosine with its gradient −0.067); the 95 % interval lies below 0 in 1."
    )


def test_iterative_inference_is_named_where_every_interval_is_below_0():
    cosines = [NAN, -0.1, -0.2, -0.15]
    assert readouts([NAN] * 4, [NAN] * 4, cosines, 0.05).endswith(
        "In 3 of 3 blocks of r the branch points down the loss (mean cosine with its gradient "
        "−0.150), with every 95 % interval below 0, as iterative inference has it (Jastrzebski et "
        "al. 2018)."
    )
    assert "iterative" not in readouts([NAN] * 4, [NAN] * 4, cosines, 0.06)
    assert "iterative" not in readouts([NAN] * 4, [NAN] * 4, cosines, NAN)


def test_branches_that_do_not_go_down_the_loss_and_readouts_without_probes():
    text = readouts([NAN, NAN], [NAN, 0.9], [0.1, 0.2], 0.01)
    assert "A linear probe" not in text
    assert "is right on 90.0 % after the one block where it can be read." in text
    assert "In 0 of 2 blocks" in text
    assert "refine" not in text


def depth(network: str, method: str, low: float, high: float) -> list[dict]:
    return [
        {"network": network, "method": method, "block": block, "depth": 2 * (low + high),
         "depth_fraction": (low + high) / 2, "depth_fraction_low": low, "depth_fraction_high": high}
        for block in range(5)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("plain", "residual", "verdict"),
    [
        ((0.6, 0.7), (0.2, 0.3), "r decides in a smaller share of its blocks than plain."),
        ((0.2, 0.3), (0.6, 0.7), "plain decides in a smaller share of its blocks than r."),
        ((0.2, 0.5), (0.4, 0.7), "The 95 % intervals of plain and r overlap: which of them decides "
         "in a smaller share of its blocks cannot be told."),
    ],
)  # fmt: skip
def test_which_network_decides_earlier(plain, residual, verdict):
    rows = depth("plain", "probe", *plain) + depth("r", "probe", *residual)
    text = said("readout-decisions", sentences.decision_sentences, rows)
    assert text.endswith(verdict)
    assert f"r is made for good after {2 * sum(residual):.1f} of 4 blocks in the mean." in text


def test_other_readers_are_not_compared_and_the_head_reads_where_no_probe_does():
    rows = depth("plain", "probe", 0.2, 0.3) + depth("r", "head", 0.6, 0.7)
    text = said("readout-decisions", sentences.decision_sentences, rows)
    assert "smaller share" not in text
    rows = depth("plain", "probe", 0.2, 0.3) + depth("r", "probe", 0.6, 0.7)
    rows[-5] |= {"depth_fraction_low": NAN, "depth_fraction_high": NAN}
    assert "share of" not in said("readout-decisions", sentences.decision_sentences, rows)
    assert "Read by its own head, a prediction of r" in text


def unsure(n: int, first: float, last: float, blocks: int = 2) -> str:
    rows = [
        {"network": "r", "group": "borderline", "judged": "before", "block": block, "n": n,
         "accuracy": a, "accuracy_low": a - 0.1, "accuracy_high": a + 0.1}
        for block, a in enumerate([*[first] * (blocks - 1), last])
    ]  # fmt: skip
    return said("readout-borderline", sentences.borderline_sentences, rows)


def test_what_the_last_blocks_do_for_unsure_images_in_every_direction():
    assert unsure(50, 0.2, 0.9).endswith(
        "right there and 90.0 % at the end: the last blocks decide them."
    )
    assert "make them worse" in unsure(50, 0.9, 0.2)
    assert unsure(50, 0.5, 0.55).endswith("; the 95 % intervals overlap.")
    assert unsure(0, NAN, NAN) == "No image is borderline after block 0 of r."
    assert unsure(50, 0.5, 0.5, blocks=1) == unsure(50, NAN, 0.5) == ""


def costs(*values: float) -> str:
    names = [f"b{i}" for i in range(len(values))]
    return worth_sentence(pd.Series(values, index=names)).replace("\u00a0", " ")


def test_what_blocks_are_worth_is_told_in_every_direction():
    assert costs(0.2, 0.004, -0.1) == (
        "Its error rises most, by 20.0 points, without b0; without 2 of 3 blocks by less than 1 "
        "point or not at all."
    )
    assert costs(0.2, 0.3).endswith("without b1; without each of them by 1 point or more.")
    assert costs(0.2, 0.004).endswith("without 1 of 2 blocks by less than 1 point.")
    assert costs(0.0002, -0.1) == (
        "No deletion raises its error by 0.05 points; without b1 it falls most, by 10.0 points."
    )
    assert costs(0.0004, -0.0004) == costs(0.0) == "No deletion moves its error by 0.05 points."
    assert costs(0.2) == "Its error rises most, by 20.0 points, without b0."
    assert costs(NAN) == costs() == ""


@pytest.mark.parametrize(
    ("best", "said_of_it"),
    [
        (1, "The weights of plain8 examined are those of epoch 1 (validation error 11.4 %)."),
        (9, "The weights of plain8 examined are those of epoch 9."),
        (2, ""), (None, ""), ("1", ""), (True, ""),
    ],
)  # fmt: skip
def test_the_epoch_of_the_weights_is_told_where_it_is_not_the_last(fake, best, said_of_it):
    run = fake.train(plain8=[(0.3, 0.114), (0.2, 0.12)])
    run.meta["networks"][0]["best_epoch"] = best
    text = " ".join(sentences.training_sentences([run], kin={})).replace("\u00a0", " ")
    assert text.partition("held out.")[2].strip() == said_of_it
