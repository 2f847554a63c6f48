"""The walk level by level gives what the walk in depth gives, with no call more."""

from collections import Counter
from itertools import accumulate

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nets import AkamasterNet, LinearResNet, with_lively_statistics
from torch.profiler import ProfilerActivity, profile

from resprobe.chain import Call, calls, intact, run, run_by_level, single_deletions, unravel
from resprobe.errors import UsageError

X = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def chain():
    return unravel(with_lively_statistics(AkamasterNet()).eval(), X).eval()


calls_of_six = st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=6, max_size=6)


@settings(max_examples=30, deadline=None)
@given(st.lists(calls_of_six, min_size=1, max_size=8), st.integers(1, 20))
def test_logits_are_those_of_the_walk_in_depth(chain, scales, most):
    programs = [tuple(Call(step, alpha) for step, alpha in enumerate(of)) for of in scales]
    with torch.no_grad():
        expected = dict(run(chain, programs, X))
        found = list(run_by_level(chain, programs, X, most=most))
    assert sorted(number for number, _ in found) == list(range(len(programs)))
    for number, logits in found:
        torch.testing.assert_close(logits, expected[number], rtol=1e-4, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(0, 2), max_size=5), min_size=1, max_size=8))
def test_programs_of_any_length_are_run_whatever_they_repeat(sequences):
    x = torch.ones(3, 2, 1, 1)
    chain = unravel(LinearResNet(0.5, -0.25, 2.0), x)
    programs = [tuple(Call(step) for step in sequence) for sequence in sequences]
    with torch.no_grad():
        found = dict(run_by_level(chain, programs, x, most=4))
    for number, sequence in enumerate(sequences):
        product = 1.0
        for step in sequence:
            product *= (1.5, 0.75, 3.0)[step]
        torch.testing.assert_close(found[number], torch.full((3, 2), product))


@pytest.mark.parametrize("most", [1, 3, 4, 7, 8, 1000])
def test_every_node_is_evaluated_once_and_no_more_than_most_images_at_a_time(chain, most):
    images = Counter()
    sizes = []

    def count(step, inputs):
        images[step] += len(inputs[0])
        sizes.append(len(inputs[0]))

    handles = [step.register_forward_pre_hook(count) for step in chain.steps]
    programs = [intact(chain), *single_deletions(chain).values()]
    with torch.no_grad():
        list(run_by_level(chain, programs, X, most=most))
    for handle in handles:
        handle.remove()
    nodes = calls(programs)
    expected = {step: len(X) * nodes[Call(i)] for i, step in enumerate(chain.steps)}
    assert images == expected
    assert max(sizes) <= most
    assert most < 1000 or len(sizes) == len(chain.steps)  # all of a level at once


def test_two_levels_are_alive_at_a_time():
    x = torch.ones(1, 1, 256, 256)
    chain = unravel(LinearResNet(*[0.1] * 20), x)
    programs = [intact(chain), *list(single_deletions(chain).values())[:3]]
    with (
        profile(activities=[ProfilerActivity.CPU], profile_memory=True) as measured,
        torch.no_grad(),
    ):
        for _ in run_by_level(chain, programs, x, most=1):
            pass
    events = [e for e in measured.profiler.kineto_results.events() if e.name() == "[memory]"]
    in_order = accumulate(e.nbytes() for e in sorted(events, key=lambda e: e.start_ns()))
    # four activations a level; inside a block a product beside its sum
    assert max(in_order) <= (4 + 4 + 2) * x.nbytes


def test_none_at_a_time_is_refused(chain):
    with pytest.raises(UsageError, match="at least one image"):
        run_by_level(chain, [intact(chain)], X, most=0)
