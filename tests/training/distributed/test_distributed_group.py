"""What several processes do together, by gloo on the CPU."""

import pytest
import torch
from training.distributed import shared_work
from training.distributed.together import run

from resprobe.training.distributed import World

WITHOUT_BN = "resnet8:init=skipinit"
DROPPING = "resnet8:init=skipinit:survival=0.5"
SOME_BLOCKS = "resnet8:init=skipinit:blocks_per_batch=2"
DRAWS = tuple(range(8))
CASES = [
    (WITHOUT_BN, 9, {}),
    (WITHOUT_BN, 9, {"weighted": False}),
    (DROPPING, 9, {"draws": DRAWS}),
    (SOME_BLOCKS, 9, {"draws": DRAWS}),
]


def values(outcomes):
    assert [outcome.code for outcome in outcomes] == [0] * len(outcomes), outcomes
    return [outcome.value for outcome in outcomes]


def worst(found, wanted):
    """The largest difference, relative to the largest gradient."""
    scale = max(float(g.abs().max()) for g in wanted.values() if g is not None)
    pairs = [(found[name], g) for name, g in wanted.items() if g is not None]
    return max(float((a - b).abs().max()) for a, b in pairs) / scale


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """The gradients of CASES on two processes, by rank."""
    folder = tmp_path_factory.mktemp("gradients")
    return values(run(shared_work.many_gradients, CASES, folder=folder))


@pytest.fixture(scope="module")
def alone():
    return shared_work.many_gradients(World(), CASES)


def test_gradients_over_unequal_shares_are_those_of_the_whole_batch(shared, alone):
    for rank in shared:
        assert worst(rank[0][0], alone[0][0]) < 1e-12  # float64: only the order of sums differs


def test_without_weights_unequal_shares_would_give_another_gradient(shared, alone):
    assert worst(shared[0][1][0], alone[1][0]) > 1e-3


@pytest.mark.parametrize("case", [2, 3])
def test_dropped_branches_are_dropped_on_all_ranks_and_get_no_gradient(shared, alone, case):
    dropped = [{name for name, g in draw.items() if g is None} for draw in alone[case]]
    assert len({frozenset(names) for names in dropped}) > 2  # there is something to tell apart
    for rank in shared:
        for mine, wanted in zip(rank[case], alone[case], strict=True):
            assert {n for n, g in mine.items() if g is None} == {
                n for n, g in wanted.items() if g is None
            }
            assert worst(mine, wanted) < 1e-12


def test_all_ranks_hold_the_same_bits_after_training(tmp_path):
    (first, agreed), (second, agreed_too) = values(run(shared_work.steps, folder=tmp_path))
    buffers = [name for name in first if "running" in name]
    weights = [name for name in first if "running" not in name]
    assert all(first[name].equal(second[name]) for name in weights)
    assert not all(first[name].equal(second[name]) for name in buffers)  # CPUs: own statistics
    assert all(agreed[name].equal(agreed_too[name]) for name in agreed)
    assert all(agreed[name].equal(first[name]) for name in first)  # they are those of rank 0
    untrained = shared_work.network("resnet8", torch.float32).state_dict()
    assert not any(first[name].equal(untrained[name]) for name in weights if "conv" in name)


@pytest.mark.long
def test_what_the_ranks_exchange_is_the_same_everywhere(tmp_path):
    first, second = values(run(shared_work.exchanges, tmp_path, folder=tmp_path))
    for found in (first, second):
        assert found["seen"]
        assert found["open"]
        assert found["unchanged"]
        assert found["sum"].tolist() == [0.1 + 1.1, 2.0, 2.0**61]
        assert found["counts"].tolist() == [3]
        assert found["counts"].dtype == torch.int64
        assert found["any"] == [True, False, True]
        assert found["bytes"] == list(range(256)) * 3
        assert found["none"] == []


def test_a_rank_with_other_weights_is_named(tmp_path):
    outcomes = run(shared_work.disagree, folder=tmp_path, size=3)
    assert [outcome.code for outcome in outcomes] == [1, 1, 1]
    (said,) = [outcome.said for outcome in outcomes if outcome.said]
    assert said.startswith("ranks 2 of 3 hold other weights than rank 0; use the same version")


def test_all_hear_what_one_of_them_says(tmp_path):
    first, second = values(run(shared_work.says, folder=tmp_path))
    assert first == second == ("größer, from the last", "")


@pytest.mark.long
def test_branches_are_dropped_alike_and_all_else_is_drawn_differently(tmp_path):
    first, second = values(run(shared_work.draws, folder=tmp_path))
    assert [survivors for survivors, _ in first] == [survivors for survivors, _ in second]
    assert first[0][0] != first[1][0]
    assert all(mine != yours for (_, mine), (_, yours) in zip(first, second, strict=True))


def test_every_process_goes_through_the_same_blocks(tmp_path):
    first, second = values(run(shared_work.block_draws, folder=tmp_path))
    assert first == second
    assert [sum(drawn) for drawn in first] == [4] * len(first)
    assert len(set(map(tuple, first))) > 1


@pytest.mark.long
def test_a_divergence_is_explained_by_the_rank_that_saw_it(tmp_path):
    first, second = values(run(shared_work.diverges, folder=tmp_path))
    assert first == second
    assert "the images themselves are not finite" in first
