"""Every study against lesions that are made by hand in a copy of the model."""

import numpy as np
import pytest
import torch
from nets import AkamasterNet, LinearResNet, random_batches, with_lively_statistics
from probes.lesions.twin import by_hand, logits_of, tampered
from scipy.stats import kendalltau

from resprobe.chain import PlainBlock, intact, unravel
from resprobe.errors import InputError, UsageError
from resprobe.networks import Architecture
from resprobe.probes import lesion
from resprobe.probes.lesions.studies import (
    STUDIES,
    Greedy,
    Pairs,
    Random,
    Repeat,
    Scale,
    Shuffle,
    Single,
)

N = 90


@pytest.fixture(scope="module")
def model():
    return with_lively_statistics(AkamasterNet(n=3)).eval()


@pytest.fixture(scope="module")
def data():
    return random_batches(N, batch_size=40)


@pytest.fixture(scope="module")
def chain(model, data):
    return unravel(model, data.example())


@pytest.mark.parametrize(
    "study",
    [Random(most=4, draws=3), Shuffle(most=4, draws=3), Pairs(), Repeat(), Scale((0, 0.5, 1, 1.5))],
    ids=lambda study: study.name,
)
def test_every_figure_is_what_a_network_changed_by_hand_gives(study, model, data, chain):
    frame = lesion(chain, data, study=study, seed=3).frame
    whole, labels = logits_of(model, data), data.data.labels.numpy()
    rows = frame[frame["deletable"]].drop_duplicates("lesion")
    assert len(rows) >= 10
    for row in rows.to_dict("records")[::2]:
        twin = by_hand(whole, logits_of(tampered(model, row["lesion"]), data), labels)
        found = {name: row[name] for name in twin}
        assert found == pytest.approx(twin, rel=2e-4, abs=2e-6), row["lesion"]


def test_random_deletions_are_drawn_anew_for_each_k_and_by_the_seed_alone(chain, data):
    study = Random(most=4, draws=5)
    first, again = (lesion(chain, data, study=study, seed=1).frame for _ in range(2))
    other = lesion(chain, data, study=study, seed=2).frame
    assert first["lesion"].tolist() == again["lesion"].tolist() != other["lesion"].tolist()
    drawn = first[1:]
    assert drawn["k"].tolist() == sorted([1, 2, 3, 4] * 5)
    assert drawn["draw"].tolist() == [0, 1, 2, 3, 4] * 4
    sets = [tuple(map(int, blocks.split("+"))) for blocks in drawn["blocks"]]
    assert all(len(set(s)) == k for s, k in zip(sets, drawn["k"], strict=True))


def test_all_sets_of_one_size_are_equally_likely(chain):
    study = Random(most=2, draws=3000)
    (round_,) = study.rounds(chain, np.random.default_rng(0))
    pairs = [lesion.blocks for lesion in round_.lesions if lesion.k == 2]
    counts = np.unique(pairs, axis=0, return_counts=True)[1]
    assert len(counts) == 36
    assert ((counts - 3000 / 36) ** 2 / (3000 / 36)).sum() < 66.6  # chi-square 35, p = 0.001


def test_random_deletions_can_leave_transitions_alone(chain, data):
    frame = lesion(chain, data, study=Random(most=3, draws=6, transitions=False)).frame
    assert set(frame["kind"]) == {"intact", "identity"}
    both = lesion(chain, data, study=Random(most=3, draws=6)).frame
    assert set(both["kind"]) == {"intact", "identity", "transition"}
    marked = both[both["transitions"] > 0]
    assert all({"3", "6"} & set(blocks.split("+")) for blocks in marked["blocks"])


def test_a_shuffle_keeps_every_block_and_says_how_far_it_went(chain):
    (round_,) = Shuffle(most=6, draws=4).rounds(chain, np.random.default_rng(0))
    for shuffled in round_.lesions:
        order = [call.step for call in shuffled.program]
        assert sorted(order) == list(range(9))
        # the first blocks of the second and third stage change the shape and stay
        assert (order[3], order[6]) == (3, 6)
        assert {i // 3 for i in order[:3]} == {0}
        assert shuffled.kendall_tau == pytest.approx(kendalltau(order, range(9)).statistic)
        assert shuffled.blocks == tuple(i for i, block in enumerate(order) if block != i)


def test_two_swaps_of_the_same_pair_are_the_intact_network(data):
    chain = unravel(LinearResNet(0.5, -3.0), torch.ones(1, 3, 1, 1))
    (round_,) = Shuffle(most=2, draws=1).rounds(chain, np.random.default_rng(0))
    once, twice = round_.lesions
    assert once.kendall_tau == -1
    assert twice.program == intact(chain)


def test_the_interaction_of_a_pair_is_what_the_two_do_beyond_each_alone(chain, data):
    frame = lesion(chain, data, study=Pairs()).frame.set_index("lesion")
    assert (len(frame), frame["interaction"].notna().sum()) == (1 + 9 + 36, 36)
    for label, row in frame[frame["k"] == 2].iterrows():
        parts = [f"delete:{number}" for number in label.removeprefix("delete:").split("+")]
        alone = frame.loc[parts, "error_rise"].sum()
        assert row["interaction"] == pytest.approx(row["error_rise"] - alone, abs=1e-12)
        assert row["interaction_low"] < row["interaction_high"]
        assert row["interaction_low"] <= row["interaction"] <= row["interaction_high"]


def test_an_interaction_known_on_paper(model, data):
    # deleting a factor below 0 turns every answer round, deleting two turns it back
    from probes.lesions.test_single import linear_data

    given = linear_data()
    chain = unravel(LinearResNet(0.5, -3.0, -2.0), given.example())
    frame = lesion(chain, given, study=Pairs()).frame.set_index("lesion")
    assert frame.loc["delete:1+2", "error_rise"] == 0
    assert frame.loc["delete:1+2", "interaction"] == -2
    assert frame.loc["delete:0+1", "interaction"] == 0


def test_greedy_drops_the_cheapest_block_each_time(model, chain, data):
    other = random_batches(70, seed=5)
    result = lesion(chain, data, study=Greedy(most=3), selection=other)
    frame, dropped = result.frame, []
    labels = other.data.labels.numpy()
    whole = logits_of(model, other)
    for k in (1, 2, 3):
        tried = frame[frame["selection"] & (frame["k"] == k)]
        assert len(tried) == 10 - k
        twins = {}
        for block in set(range(9)) - set(dropped):
            twin = tampered(model, "delete:" + "+".join(map(str, [*dropped, block])))
            twins[block] = by_hand(whole, logits_of(twin, other), labels)["loss"]
        dropped.append(min(twins, key=twins.__getitem__))
    chosen = ["delete:" + "+".join(map(str, dropped[:k])) for k in (1, 2, 3)]
    reported = frame[~frame["selection"]]
    assert reported["lesion"].tolist() == ["intact", *chosen]
    assert (set(reported["n"]), set(frame.loc[frame["selection"], "n"])) == ({N}, {70})
    assert (frame["lesion"] == "intact").sum() == 2  # once for either set of images
    assert result.meta["selected_on"]["n"] == 70


def test_scaling_by_one_is_the_intact_network_and_by_nothing_the_deletion(chain, data):
    frame = lesion(chain, data, study=Scale((0, 1))).frame.set_index("lesion")
    alone = lesion(chain, data).frame.set_index("lesion")
    for number in range(9):
        assert frame.loc[f"scale:{number}x1", "loss"] == frame.loc["intact", "loss"]
        assert frame.loc[f"scale:{number}x0", "loss"] == alone.loc[f"delete:{number}", "loss"]
        assert frame.loc[f"scale:{number}x1", ["error_rise_low", "error_rise_high"]].tolist() == [
            0,
            0,
        ]


def test_a_plain_block_goes_from_its_bypass_to_itself():
    model = with_lively_statistics(Architecture("plain20", width=4).build()).eval()
    data = random_batches(30)
    chain = unravel(model, data.example())
    block = chain.blocks[1]
    assert isinstance(block, PlainBlock)
    x = torch.randn(2, 4, 16, 16)
    with torch.no_grad():
        expected = 0.75 * x + 0.25 * block(x)
        torch.testing.assert_close(block.scaled(x, 0.25), expected)
    frame = lesion(chain, data, study=Scale((0, 0.5))).frame
    assert frame.loc[~frame["deletable"], "blocks"].tolist() == ["", "3", "3", "6", "6"]


@pytest.mark.parametrize("name", ["plain20", "vgg15"])
@pytest.mark.parametrize("study", STUDIES)
def test_every_study_runs_on_networks_without_shortcuts(name, study):
    size = 32 if name.startswith("vgg") else 16
    data = random_batches(8, size=size)
    chain = unravel(
        with_lively_statistics(Architecture(name, width=4, num_classes=10).build()), data.example()
    )
    small = {"random": Random(most=2, draws=2), "shuffle": Shuffle(2, 2), "greedy": Greedy(2)}
    frame = lesion(chain, data, study=small.get(study, STUDIES[study]())).frame
    assert frame.loc[frame["deletable"], "n"].tolist() == [8] * int(frame["deletable"].sum())
    assert frame.loc[frame["deletable"] & ~frame["selection"], "accuracy"].notna().all()


@pytest.mark.parametrize(
    ("study", "said"),
    [
        (Random(most=4), "was to delete up to 4 blocks and the network has 3"),
        (Greedy(most=4), "was to drop 4 blocks and the network has 3"),
        (Shuffle(), "has no two such blocks"),
    ],
)
def test_more_than_there_is_is_refused(study, said, data):
    small = unravel(AkamasterNet(n=1), data.example())
    with pytest.raises(InputError, match=said):
        lesion(small, data, study=study)


@pytest.mark.parametrize("study", [Random(), Pairs(), Greedy()])
def test_several_blocks_cannot_be_deleted_from_one(study, data):
    chain = unravel(LinearResNet(0.5), torch.ones(1, 3, 16, 16))
    with pytest.raises(InputError, match="has 1 that can be deleted"):
        next(study.rounds(chain, np.random.default_rng(0)))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Random(draws=0), lambda: Shuffle(most=0), lambda: Shuffle(draws=0),
        lambda: Repeat((1,)), lambda: Repeat(()), lambda: Scale(()), lambda: Greedy(most=0),
        lambda: Scale((float("nan"),)),
    ],
)  # fmt: skip
def test_settings_without_a_meaning_are_refused(make):
    with pytest.raises(UsageError):
        make()


def test_settings_stand_in_the_result(chain, data):
    meta = lesion(chain, data, study=Random(most=2, draws=2), seed=9).meta
    assert meta["settings"] == {"most": 2, "draws": 2, "transitions": True}
    assert (meta["study"], meta["seed"], meta["confidence"]) == ("random", 9, 0.95)
    assert lesion(chain, data).meta["settings"] == Single().settings == {}
