"""A workbench against lesion studies, brute force and what it promises of memory and the model."""

import copy
import dataclasses
from itertools import combinations

import numpy as np
import pytest
import torch
from nets import AkamasterNet, LinearResNet, random_batches, with_lively_statistics
from probes.bench.twins import ByHand, Transformer, by_brute_force

from resprobe import lesion, magnitude, unravel
from resprobe.chain import Inference
from resprobe.errors import InputError, ResprobeError, UsageError
from resprobe.networks import Architecture
from resprobe.probes import Workbench
from resprobe.probes.bench import Arrangement, PathLengths
from resprobe.probes.lesions.studies import Pairs, Shuffle

N = 30


@pytest.fixture(scope="module")
def model():
    return with_lively_statistics(AkamasterNet(n=3)).eval()


@pytest.fixture(scope="module")
def data():
    return random_batches(N, batch_size=16)


@pytest.fixture(scope="module")
def chain(model, data):
    return unravel(model, data.example())


@pytest.fixture
def bench(chain, data):
    return Workbench(chain, data)


def looks_like(bench, frame, lesions):
    """Compare looks, in any order, with the rows of a lesion study."""
    looks = [bench.at(lesions[label]) for label in frame["lesion"] if label != "intact"]
    found = bench.result(looks).frame
    assert found["correct"].tolist() == frame["correct"].tolist()
    assert found["lesion"].tolist() == frame["lesion"].tolist()
    for column in found.columns.difference(["study", "draw", "interaction", "interaction_low",
                                            "interaction_high"]):  # fmt: skip
        if found[column].dtype == float:
            a, b = found[column].to_numpy(), frame[column].to_numpy()
            assert np.allclose(a, b, rtol=1e-6, atol=1e-6, equal_nan=True), column
        else:
            assert found[column].tolist() == frame[column].tolist(), column


def test_single_deletions_and_pairs_are_what_the_study_measures(bench, chain, data):
    frame = lesion(chain, data, study=Pairs()).frame
    intact = Arrangement.intact(9)
    lesions = {f"delete:{i}": intact.toggled(i) for i in range(9)}
    lesions |= {
        f"delete:{i}+{j}": intact.toggled(i).toggled(j) for i, j in combinations(range(9), 2)
    }
    some = frame.iloc[[*range(10), *range(10, len(frame), 4)]].reset_index(drop=True)
    looks_like(bench, some, lesions)


def test_orders_are_those_of_the_shuffle_study(bench, chain, data):
    frame = lesion(chain, data, study=Shuffle(most=1, draws=30)).frame.drop_duplicates("lesion")
    pairs = {tuple(map(int, label[8:].split("-"))) for label in frame["lesion"][1:]}
    assert len(pairs) == 5  # three in the first stage, one in each of the others
    lesions = {f"shuffle:{i}-{j}": Arrangement.intact(9).swapped(i, j) for i, j in pairs}
    looks_like(bench, frame, lesions)


@pytest.mark.parametrize("memory", [2**28, 250_000, 0])
def test_any_sequence_of_lesions_is_what_brute_force_gives(chain, data, memory):
    bench = Workbench(chain, data, memory=memory)
    draw = np.random.default_rng(1)
    arrangement, pairs = Arrangement.intact(9), [(0, 1), (1, 2), (4, 5), (7, 8)]
    for _ in range(9):
        if draw.random() < 0.6:
            arrangement = arrangement.toggled(int(draw.integers(9)))
        else:
            arrangement = arrangement.swapped(*pairs[draw.integers(4)])
        look = bench.at(arrangement)
        expected = by_brute_force(chain, arrangement, data)
        assert look.figures["correct"] == expected["correct"]
        assert look.figures["loss"] == pytest.approx(expected["loss"], rel=1e-5)
        assert look.figures["kl"] == pytest.approx(expected["kl"], rel=1e-4, abs=1e-7)
        assert bench.held <= memory


@pytest.mark.parametrize(
    "net",
    [Transformer, lambda: Architecture("plain14", width=4).build(),
     lambda: Architecture("preresnet14", width=4).build()],
    ids=["transformer", "plain", "preresnet"],
)  # fmt: skip
def test_any_chain_can_be_put_on_the_bench(net, data):
    chain = unravel(with_lively_statistics(net()).eval(), data.example())
    frame = lesion(chain, data).frame
    possible = frame[frame["deletable"] | (frame["k"] == 0)].reset_index(drop=True)
    lesions = {
        f"delete:{i}": Arrangement.intact(len(chain.blocks)).toggled(i)
        for i in range(len(chain.blocks))
    }
    looks_like(Workbench(chain, data), possible, lesions)


def test_magnitudes_are_those_of_the_probe_and_of_a_network_changed_by_hand(bench, chain, data):
    found, told = bench.magnitudes(bench.intact), magnitude(chain, data).blocks.frame
    for column in ("ratio", "branch_norm", "shortcut_norm"):
        assert found[column].tolist() == pytest.approx(told[column].tolist(), rel=1e-5)
    assert found["ratio_q10"].tolist() == pytest.approx(told["ratio_q10"].tolist(), rel=0.05)
    linear = LinearResNet(0.5, 2.0, 3.0)
    images = random_batches(8, 1, 2, classes=4)
    bench = Workbench(unravel(linear, images.example()), images)
    sizes = bench.magnitudes(bench.look(delete=[1], swap=[(0, 2)]))
    assert sizes["block"].tolist() == [2, 1, 0]
    assert sizes["ratio"].tolist() == pytest.approx([3.0, np.nan, 0.5], nan_ok=True)
    norm = float(torch.cat([x for x, _ in images]).flatten(1).norm(dim=1).mean())
    assert sizes["shortcut_norm"][2] == pytest.approx(4 * norm)


def test_sizes_before_the_first_change_are_those_of_the_intact_network(bench):
    look = bench.look(delete=[7])
    assert look.steps_run == 2
    assert look.sizes[:7].tolist() == bench.intact.sizes[:7].tolist()
    assert np.isnan(look.sizes[7]).all()
    assert look.sizes[8, 0] != bench.intact.sizes[8, 0]


def test_a_chain_without_a_faster_form_is_run_as_it_is_and_left_as_it_was(
    model, data, model_state, monkeypatch
):
    model = copy.deepcopy(model).train()
    chain = unravel(model, data.example())
    before = model_state(model)
    monkeypatch.setattr(
        "resprobe.probes.bench.workbench.for_inference",
        lambda chain, _: Inference(chain, 0, torch.preserve_format, float("nan"), "not made"),
    )
    bench = Workbench(chain, data)
    right = by_brute_force(unravel(model.eval(), data.example()), bench.intact.arrangement, data)
    model.train()
    assert bench.intact.figures["loss"] == pytest.approx(right["loss"], rel=1e-5)
    bench.look(delete=[3])
    assert model_state(model) == before


def test_only_what_follows_the_first_change_is_computed(bench):
    intact = bench.intact
    assert intact.steps == intact.steps_run == 9
    assert [bench.look(delete=[i]).steps_run for i in (8, 5, 0)] == [1, 4, 9]
    assert bench.look(delete=[5, 8]).steps_run == 1
    assert bench.look(swap=[(7, 8)], delete=[5]).steps_run == 2
    assert bench.look(delete=[5]) is bench.look(delete=[5])
    assert [look.steps_run for look in bench.singles().values()] == list(range(9, 0, -1))


def test_with_little_memory_every_second_activation_is_kept(chain, data):
    largest = 4 * N * 16 * 16 * 4  # bytes of the activations of the first stage
    bench = Workbench(chain, data, memory=7 * largest)
    more = [bench.look(delete=[i]).steps_run - (9 - i) for i in range(8, -1, -1)]
    assert max(more) == 1  # every second one
    assert min(more) == 0
    assert 0 < bench.held <= 7 * largest


def test_memory_does_not_grow_with_the_looks(chain, data):
    most = 500_000
    bench = Workbench(chain, data, memory=most)
    held = []
    for k in (1, 2):
        for blocks in list(combinations(range(9), k))[::3]:
            bench.look(delete=blocks)
            held.append(bench.held)
    assert most / 2 < max(held) <= most
    kept = bench._prefixes._kept.values()
    assert bench.held == sum(stored.nbytes for stored in kept)


def test_the_model_is_left_as_it_was_found_also_where_a_look_fails(model, data, model_state):
    model = copy.deepcopy(model)
    model.layer1[0].conv1.weight.requires_grad_(False)
    model.layer2.train()
    before = model_state(model)
    bench = Workbench(unravel(model, data.example()), data)
    bench.look(delete=[1, 4], swap=[(0, 1)])
    assert model_state(model) == before
    broken = dataclasses.replace(data, normalisation=Failing(data.normalisation))
    bench.data = broken
    with pytest.raises(RuntimeError, match="torn"):
        Workbench(bench.chain, broken)
    assert model_state(model) == before


class Failing:
    """A normalisation that gives way after the first batch."""

    def __init__(self, inner):
        self.inner, self.calls = inner, 0
        self.channels = inner.channels

    def apply(self, images):
        self.calls += 1
        if self.calls > 3:
            raise RuntimeError("the file is torn")
        return self.inner.apply(images)


def test_a_look_that_fails_halfway_leaves_nothing_behind(chain, data, monkeypatch):
    bench = Workbench(chain, data)
    held, head = bench.held, type(bench._fast.head).forward
    calls = []

    def failing(self, x):
        calls.append(1)
        if len(calls) == 2 and self is bench._fast.head:
            raise RuntimeError("torn")
        return head(self, x)

    monkeypatch.setattr(type(bench._fast.head), "forward", failing)
    with pytest.raises(RuntimeError, match="torn"):
        bench.look(delete=[8])
    monkeypatch.undo()
    assert bench.held == held
    right = by_brute_force(chain, Arrangement.intact(9).toggled(8), data)
    assert bench.look(delete=[8]).figures["correct"] == right["correct"]


def test_a_network_that_changed_meanwhile_is_refused_and_one_written_back_is_not(model, data):
    model = copy.deepcopy(model)
    chain = unravel(model, data.example())
    bench = Workbench(chain, data)
    magnitude(chain, data, batch_norm="batch")  # moves statistics and puts them back
    bench.look(delete=[1])
    with torch.no_grad():
        model.layer3[1].conv2.weight.mul_(2)
    with pytest.raises(ResprobeError, match="has changed since"):
        bench.look(delete=[2])


def test_a_weight_that_is_written_on_behind_autograds_back_is_noticed_too(model, data):
    model = copy.deepcopy(model)
    bench = Workbench(unravel(model, data.example()), data)
    bench.look(delete=[1])
    model.linear.weight.data.zero_()
    for deleted in ([1], [2]):  # remembered, and new
        with pytest.raises(ResprobeError, match="has changed since"):
            bench.look(delete=deleted)


def test_what_cannot_be_done_is_said_in_a_sentence(bench, data):
    with pytest.raises(UsageError, match=r"block 9 was to be deleted .* blocks 0 to 8"):
        bench.look(delete=[9])
    with pytest.raises(UsageError, match=r"place 9 .* places 0 to 8"):
        bench.look(swap=[(0, 9)])
    with pytest.raises(InputError, match="only blocks of one shape can be swapped"):
        bench.look(swap=[(2, 3)])
    with pytest.raises(UsageError, match="each number from 0 to 8 once; got 0, 0, 2"):
        bench.at(Arrangement((0, 0, *range(2, 9))))
    with pytest.raises(UsageError, match="0 bytes or more; got -1"):
        Workbench(bench.chain, data, memory=-1)
    plain = unravel(Architecture("plain8", width=4).build(), data.example())
    with pytest.raises(InputError, match=r"block 1 \(.*\) has no shortcut and changes the shape"):
        Workbench(plain, data).look(delete=[1])
    with pytest.raises(InputError, match="channel"):
        Workbench(bench.chain, random_batches(4, channels=1))


def test_without_labels_there_is_agreement_and_no_accuracy(chain, data):
    images = dataclasses.replace(data.data, labels=torch.full((N,), -1), classes=())
    bench = Workbench(chain, dataclasses.replace(data, data=images))
    figures = bench.look(delete=[0]).figures
    assert np.isnan(figures["accuracy"])
    assert 0 <= figures["agreement_low"] <= figures["agreement"] <= 1


def test_numbers_that_are_not_finite_are_no_answers(data):
    model = with_lively_statistics(AkamasterNet(n=2)).eval()
    chain = unravel(model, data.example())
    with torch.no_grad():
        model.layer3[1].bn2.weight.fill_(torch.inf)
    look = Workbench(chain, data).intact
    assert look.figures["correct"] == 0
    assert not np.isfinite(look.sizes[5, 0])
    assert np.isfinite(look.sizes[:5]).all()


@pytest.mark.parametrize("blocks", [0, 1, 2, 9, 54, 500])
def test_path_lengths_are_the_binomial_law_with_95_percent_inside(blocks):
    from scipy.stats import binom

    law = PathLengths.of(blocks)
    assert law.shares == pytest.approx(binom.pmf(range(blocks + 1), blocks, 0.5))
    assert law.mean == blocks / 2
    inside = sum(law.shares[law.low : law.high + 1])
    assert inside >= 0.95
    assert law.low + law.high == blocks
    assert sum(law.shares[: law.low]) <= 0.025 < sum(law.shares[: law.low + 1])


def test_each_deleted_block_takes_one_choice_from_the_paths_and_swaps_none(bench, data):
    assert bench.intact.lengths.blocks == 9
    look = bench.look(delete=[0, 3], swap=[(4, 5)])
    assert look.lengths == PathLengths.of(7)
    assert bench.look(delete=range(9)).lengths.shares == (1.0,)
    plain = unravel(Architecture("plain8", width=4).build(), data.example())
    assert Workbench(plain, data).intact.lengths is None


def test_a_result_is_named_by_what_was_done(bench):
    single, moved = bench.look(delete=[1]), bench.look(swap=[(0, 1)])
    both = bench.look(delete=[1], swap=[(0, 1)])
    studies = [bench.result(looks).meta["study"] for looks in ([single], [moved], [single, both])]
    assert studies == ["single", "shuffle", "by-hand"]
    row = bench.result([both]).frame.iloc[1]
    assert (row["lesion"], row["blocks"], row["k"]) == ("shuffle:0-1,delete:1", "0+1", 2)
    assert bench.result([]).frame["lesion"].tolist() == ["intact"]


def test_a_moved_block_is_deleted_by_its_own_number(chain, data, bench):
    arrangement = Arrangement.intact(9).swapped(4, 5).toggled(5)
    frame = lesion(chain, data, study=ByHand(arrangement)).frame
    look = bench.look(delete=[5], swap=[(4, 5)])
    assert frame["lesion"][1] == look.lesion.label == "shuffle:4-5,delete:5"
    assert look.figures["correct"] == frame["correct"][1]
    assert np.isnan(look.sizes[4, 0])
    assert np.isfinite(look.sizes[5, 0])
