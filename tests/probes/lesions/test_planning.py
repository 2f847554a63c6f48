"""What a plan says against what then runs."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nets import AkamasterNet, LinearResNet, random_batches, with_lively_statistics
from torch.profiler import ProfilerActivity, profile

from resprobe.chain import Call, Inference, call_step, most_alive, prefix_tree, unravel, walk
from resprobe.networks import Architecture
from resprobe.probes import lesion, plan_lesion
from resprobe.probes.lesions.greedy import Greedy
from resprobe.probes.lesions.studies import Pairs, Random, Repeat, Scale, Single


def peak_bytes(run):
    """Return how much a call has allocated at its worst moment, beyond what was held before."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as measured:
        run()
    events = [e for e in measured.profiler.kineto_results.events() if e.name() == "[memory]"]
    total = most = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        total += event.nbytes()
        most = max(most, total)
    return most


@pytest.mark.parametrize("study", [Single(), Pairs(), Repeat(), Random(draws=3), Greedy(most=2)])
def test_the_planned_memory_is_enough_and_not_twice_too_much(study):
    data = random_batches(64, size=32, batch_size=64)
    chain = unravel(with_lively_statistics(Architecture("resnet8").build()), data.example())
    planned = plan_lesion(chain, data, study=study).memory_bytes
    held = sum(p.nbytes for p in chain.parameters()) + data.data.nbytes
    assert 1 <= planned / (held + peak_bytes(lambda: lesion(chain, data, study=study))) <= 2


def test_weights_that_folding_copies_are_planned_for():
    data = random_batches(8, size=8, batch_size=8)
    chain = unravel(Architecture.parse("vgg15:width=64").build(), data.example())
    weights = sum(p.nbytes for p in chain.parameters())
    planned = plan_lesion(chain, data).memory_bytes
    assert 1.9 * weights < planned < 2.5 * weights


@pytest.mark.parametrize("study", [Single(), Pairs(), Repeat(), Scale()])
def test_the_planned_block_evaluations_are_those_of_the_study(study, monkeypatch):
    data = random_batches(8, batch_size=8)
    chain = unravel(with_lively_statistics(AkamasterNet()), data.example())
    plan = plan_lesion(chain, data, study=study)
    as_it_is = Inference(chain, 0, torch.preserve_format, 0.0)  # nothing is called to compare
    monkeypatch.setattr("resprobe.probes.lesions.study.for_inference", lambda *_: as_it_is)
    made = []

    def counted(*arguments):
        made.append(arguments)
        return call_step(*arguments)

    monkeypatch.setattr("resprobe.chain.walking.call_step", counted)
    lesion(chain, data, study=study)
    assert len(made) == plan.block_evaluations < plan.block_evaluations_apart


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(0, 3), max_size=6), min_size=1, max_size=10))
def test_the_activations_that_wait_are_those_of_the_walk(sequences):
    chain = unravel(LinearResNet(0.5, -0.25, 2.0, 1.0), torch.ones(1, 2, 1, 1))
    tree = prefix_tree([tuple(Call(step) for step in sequence) for sequence in sequences])
    alive = set()
    most = 0

    class Counted(torch.Tensor):
        def __del__(self):
            alive.discard(id(self))

    def kept(_module, _inputs, output):
        nonlocal most
        one = output.as_subclass(Counted)
        alive.add(id(one))
        most = max(most, len(alive))
        return one

    for step in (chain.stem, *chain.steps):
        step.register_forward_hook(kept)
    with torch.no_grad():
        for _ in walk(chain, tree, torch.ones(1, 2, 1, 1)):
            pass
    assert most == most_alive(tree, [1] * 4, stem=1)


def test_more_processes_take_less_time_each(monkeypatch):
    data = random_batches(32, batch_size=16)
    chain = unravel(AkamasterNet(), data.example())
    times = []
    for processes in (1, 2, 4):
        monkeypatch.setattr("time.perf_counter", iter(range(1000)).__next__)
        times.append(plan_lesion(chain, data, processes=processes).duration_s)
    assert all(one == 2 * other for one, other in pairwise(times))
