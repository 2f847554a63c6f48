"""Blocks that run again on the way back change no number, and keep less."""

import pandas as pd
import pytest
import torch
from torch import nn

from resprobe.chain import unravel
from resprobe.datasets import Batches, ImageSet, Normalisation
from resprobe.networks import Architecture
from resprobe.probes import gradflow, plan_gradflow
from resprobe.probes.gradients import recomputing
from resprobe.probes.gradients.tap import Tap


@pytest.fixture
def data():
    draws = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (12, 3, 16, 16), generator=draws).to(torch.uint8)
    images = ImageSet(pixels, torch.arange(12) % 10, tuple("abcdefghij"), "random", "test")
    return Batches(images, Normalisation((0.5,) * 3, (0.25,) * 3), batch_size=6)


def chain_of(name, data):
    return unravel(Architecture(name, width=4).build(seed=0), data.example())


class Calls:
    """Counts how often a module runs."""

    def __init__(self, module: nn.Module) -> None:
        self.n = 0
        module.register_forward_pre_hook(self._count)  # running again may stop early

    def _count(self, *_):
        self.n += 1


@pytest.mark.parametrize("name", ["resnet20", "preresnet20", "plain20"])
@pytest.mark.parametrize("statistics", ["running", "batch"])
def test_blocks_that_run_again_give_the_same_bits(name, statistics, data, monkeypatch):
    chain = chain_of(name, data)
    kept = gradflow(chain, data, batch_norm=statistics, histograms=True)
    monkeypatch.setattr(recomputing, "ROOM", 0)
    again = gradflow(chain, data, batch_norm=statistics, histograms=True)
    for one, other in zip(kept, again, strict=True):
        pd.testing.assert_frame_equal(one.frame, other.frame, rtol=0, atol=0)


@pytest.mark.parametrize("name", ["resnet20", "plain20"])
def test_blocks_run_again_only_where_a_batch_would_take_more_than_the_room(name, data, monkeypatch):
    chain = chain_of(name, data)
    block = chain.blocks[1]
    calls = Calls(block.branch if name == "resnet20" else block)
    elements = sum(torch.Size(step.out_shape).numel() for step in chain.steps)
    needed = 5 * 4 * 6 * elements
    for room, expected in ((needed, 2), (needed - 1, 4)):  # two batches
        monkeypatch.setattr(recomputing, "ROOM", room)
        calls.n = 0
        gradflow(chain, data)
        assert calls.n == expected


def test_statistics_of_batch_norm_stay_as_they_were(data, monkeypatch):
    monkeypatch.setattr(recomputing, "ROOM", 0)
    chain = chain_of("resnet20", data)
    before = {name: value.clone() for name, value in chain.state_dict().items()}
    gradflow(chain, data, batch_norm="batch")
    assert all(torch.equal(value, before[name]) for name, value in chain.state_dict().items())


def test_the_plan_counts_what_is_kept(data, monkeypatch):
    chain = chain_of("resnet20", data)
    whole = plan_gradflow(chain, data)
    monkeypatch.setattr(recomputing, "ROOM", 0)
    again = plan_gradflow(chain, data)
    assert plan_gradflow(chain, data, recompute=False).memory_bytes == whole.memory_bytes
    # per block two convolutions' outputs, what lies between them: gone; left are the sum, the
    # output and the identity path
    inner = sum(torch.Size(block.out_shape).numel() for block in chain.blocks)
    assert whole.memory_bytes - again.memory_bytes == pytest.approx(3 * 4 * 6 * inner, rel=0.05)


def test_an_identity_path_that_nothing_changes_is_kept_once(data, monkeypatch):
    kept = []
    monkeypatch.setattr(
        Tap, "expect_path", lambda _tap, _path, _top, direction: kept.append(direction)
    )
    for name, many in (("preresnet20", False), ("resnet20", True)):
        kept.clear()
        gradflow(chain_of(name, data), data)
        assert len(kept) == 2 * 9  # two batches
        assert (len({direction.data_ptr() for direction in kept[:9]}) == 9) is many
