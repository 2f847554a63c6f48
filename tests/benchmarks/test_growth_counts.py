"""No probe does more than its law says: lines are counted, which no busy machine disturbs.

A cost ``a + b law(L)`` grows between 6 and 12 blocks by what the law grows there, over what it
grows between 3 and 6, times its growth between those.
"""

import gc
import importlib
import sys
from pathlib import Path

import pytest
import torch
from lanes import lanes

from resprobe.chain import unravel
from resprobe.datasets import Batches, ImageSet, Normalisation

ROOT = Path(__file__).parents[2]
DEPTHS = (8, 14, 26)  # 1, 2 and 4 blocks in each of three stages
SPARE = 0.02
PROBES = (
    "magnitude", "gradflow", "initialisation", "readout", "similarity", "landscape", "lesion",
    "paths", "geometry",
)  # fmt: skip


@pytest.fixture
def growth(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benchmarks.growth")


@pytest.fixture
def data():
    pixels = torch.randint(0, 256, (4, 3, 8, 8), generator=torch.Generator().manual_seed(0))
    images = ImageSet(
        pixels.to(torch.uint8), torch.arange(4), tuple("abcdefghij"), "random", "test"
    )
    return Batches(images, Normalisation((0.5,) * 3, (0.25,) * 3), 4)


def steps(work):
    """Count lines of Python that run, those of a loop at every turn, and calls of functions."""
    count = 0

    def see(_frame, _event, _argument):
        nonlocal count
        count += 1
        return see

    gc.collect()
    gc.disable()  # what it finds depends on the tests before
    before = sys.gettrace()
    sys.settrace(see)
    try:
        work()
    finally:
        sys.settrace(before)
        gc.enable()
    return count


def steepness(costs):
    first, second, third = costs
    return (third - second) / (second - first)


def test_the_probes_are_all_of_them(growth):
    assert tuple(growth.PROBES) == PROBES


@pytest.mark.parametrize("probe", lanes(PROBES, long=lambda probe: probe != "similarity"))
def test_a_probe_runs_no_more_lines_than_its_law(probe, growth, data):
    asked = growth.PROBES[probe]
    chains = [unravel(growth.model_of(f"resnet{n}", 2), data.example()) for n in DEPTHS]
    for chain in chains:  # what is imported or compiled once is not counted
        asked.run(chain, data)
    counted = [steps(lambda chain=chain: asked.run(chain, data)) for chain in chains]
    law = [asked.evaluations(chain) for chain in chains]
    assert steepness(counted) < (1 + SPARE) * steepness(law)


def test_taking_a_network_apart_runs_lines_in_proportion_to_its_blocks(growth, data):
    models = [growth.model_of(f"resnet{n}", 2) for n in DEPTHS]
    unravel(models[0], data.example())
    counted = [steps(lambda model=model: unravel(model, data.example())) for model in models]
    assert steepness(counted) < 2 * (1 + SPARE)
