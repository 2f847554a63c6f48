import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nets import AkamasterNet, LinearResNet, with_lively_statistics

from resprobe.chain import Call, calls, evaluations, intact, run, single_deletions, unravel
from resprobe.networks import Architecture

X = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def chain():
    return unravel(with_lively_statistics(AkamasterNet()).eval(), X).eval()


def one_by_one(chain, program, x):
    x = chain.stem(x)
    for call in program:
        step = chain.steps[call.step]
        x = step.deleted(x) if call.deleted else step(x)
    return chain.head(x)


def distinct_prefixes(programs):
    return {program[:k] for program in programs for k in range(1, len(program) + 1)}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.booleans(), min_size=6, max_size=6), min_size=1, max_size=8))
def test_any_set_of_deletions_gives_what_running_them_one_by_one_gives(chain, masks):
    programs = [
        tuple(Call(i, 0.0 if deleted else 1.0) for i, deleted in enumerate(mask)) for mask in masks
    ]
    with torch.no_grad():
        found = dict(run(chain, programs, X))
        assert sorted(found) == list(range(len(programs)))
        for number, program in enumerate(programs):
            assert torch.equal(found[number], one_by_one(chain, program, X))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(0, 3), max_size=6), min_size=1, max_size=10))
def test_evaluations_count_the_distinct_prefixes(sequences):
    programs = [tuple(Call(i) for i in sequence) for sequence in sequences]
    assert evaluations(programs) == len(distinct_prefixes(programs)) == calls(programs).total()


def test_the_walk_makes_exactly_the_calls_that_it_says(chain):
    made = []
    handles = [
        step.register_forward_hook(lambda *_, i=i: made.append(i))
        for i, step in enumerate(chain.steps)
    ]
    programs = [intact(chain), *single_deletions(chain).values()]
    with torch.no_grad():
        list(run(chain, programs, X))
    for handle in handles:
        handle.remove()
    whole = [call.step for call, n in calls(programs).items() for _ in range(n) if not call.deleted]
    assert sorted(made) == sorted(whole)
    # a spine of 6, and below its l-th node what follows block l: 5 + 4 + ... + 0
    assert len(made) == 6 + 15


def test_single_deletions_cost_half_of_running_them_apart():
    chain = unravel(LinearResNet(*[0.1] * 54), torch.ones(1, 2, 1, 1))
    programs = [intact(chain), *single_deletions(chain).values()]
    assert evaluations(programs) == 54 + 54 * 55 // 2
    assert sum(map(len, programs)) == 55 * 54


def test_few_activations_wait_at_a_time():
    chain = unravel(LinearResNet(*[0.1] * 200), torch.ones(1, 2, 1, 1))
    alive, most = set(), 0

    class Counted(torch.Tensor):
        pass

    import weakref

    def watch(_module, _inputs, output):
        nonlocal most
        counted = output.as_subclass(Counted)
        alive.add(id(counted))
        weakref.finalize(counted, alive.discard, id(counted))
        most = max(most, len(alive))
        return counted

    for step in chain.steps:
        step.register_forward_hook(watch)
    programs = [intact(chain), *single_deletions(chain).values()]
    with torch.no_grad():
        for _ in run(chain, programs, torch.ones(1, 2, 1, 1)):
            pass
    assert most <= 4


def test_deleting_a_linear_block_divides_by_one_plus_a():
    factors = (0.5, -0.25, 2.0)
    chain = unravel(LinearResNet(*factors), torch.ones(1, 2, 1, 1))
    programs = list(single_deletions(chain).values())
    found = dict(run(chain, programs, torch.ones(1, 2, 1, 1)))
    whole = 1.5 * 0.75 * 3
    for number, a in enumerate(factors):
        torch.testing.assert_close(found[number], torch.full((1, 2), whole / (1 + a)))


def test_a_plain_block_that_changes_the_shape_has_no_deletion():
    chain = unravel(Architecture("plain20", width=4).build(), X)
    assert list(single_deletions(chain)) == [0, 1, 2, 4, 5, 7, 8]


def test_programs_may_repeat_and_be_of_different_length(chain):
    programs = [intact(chain), intact(chain)[:1] * 3 + intact(chain)[1:], intact(chain)]
    with torch.no_grad():
        found = dict(run(chain, programs, X))
    assert torch.equal(found[0], found[2])
    assert torch.equal(found[1], one_by_one(chain, programs[1], X))
    assert not torch.equal(found[0], found[1])


def test_all_subsets_of_a_short_chain_share_one_tree(chain):
    masks = itertools.product([False, True], repeat=6)
    programs = [tuple(Call(i, d) for i, d in enumerate(mask)) for mask in masks]
    assert evaluations(programs) == sum(2**k for k in range(1, 7))
