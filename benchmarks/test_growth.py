"""How the cost of every probe grows with depth and with images, beside the law that it follows.

Narrow networks and small images, so that hundreds of blocks finish: there, what a call costs
whatever it computes is a large part of it, so that a cost grows more slowly than its law at first.
What is asserted is an upper bound alone: between the two largest sizes, no faster than the law,
without what the garbage collector took, which goes through all objects of the process.
"""

import functools

import pytest

from benchmarks.growth import FEW, PROBES, model_of
from benchmarks.timing import cost_of, exponent_of
from resprobe.chain import unravel

pytestmark = pytest.mark.usefixtures("one_thread")

DEPTHS = (20, 56, 110, 218, 434)
IMAGES = (100, 316, 1000)
FULL_DEPTHS, FULL_IMAGES = (*DEPTHS, 1202), (*IMAGES, 3160, 10_000)
WIDTH, SIDE = 4, 16
SLACK = 0.15  # of an exponent: caches, and what else the machine does
FULL = "python -m pytest benchmarks -k growth --full-growth"


def fitted(tables, probe, axis, law, sizes, images, costs, evaluations):
    for size, n, cost, count in zip(sizes, images, costs, evaluations, strict=True):
        tables.add(
            "growth", probe=probe, axis=axis, size=size, images=n, evaluations=count,
            **cost._asdict(),
        )  # fmt: skip
    found = exponent_of(sizes, [cost.own_s for cost in costs])
    expected = exponent_of(sizes, evaluations)
    tables.add(
        "exponents", probe=probe, axis=axis, exponent=found.exponent, low=found.low,
        high=found.high, law=law, law_exponent=expected.exponent, last_exponent=found.last,
        last_bound=expected.last + SLACK,
    )  # fmt: skip
    assert found.last < expected.last + SLACK


@pytest.fixture
def full(pytestconfig, tables):
    """Whether the whole range was asked for, whatever it takes."""
    if pytestconfig.getoption("--full-growth"):
        for name in ("growth", "exponents"):
            tables.say(name, command=FULL)
        return True
    return False


@pytest.fixture(scope="module")
def model():
    """Networks by depth."""
    return functools.cache(lambda depth: model_of(f"resnet{depth}", WIDTH))


def test_taking_a_network_apart_over_depth(images, tables, model, full):
    example = images(FEW, batch_size=FEW, size=SIDE).example()
    unravel(model(8), example)  # warm up
    found = [model(depth) for depth in (FULL_DEPTHS if full else DEPTHS)]
    sizes = [len(unravel(one, example).blocks) for one in found]
    costs = [cost_of(lambda one=one: unravel(one, example)) for one in found]
    fitted(tables, "unravel", "blocks", "L", sizes, [FEW] * len(sizes), costs, sizes)


@pytest.mark.parametrize("probe", PROBES)
def test_cost_over_depth(probe, images, tables, model, full):
    asked = PROBES[probe]
    data = images(asked.few, batch_size=asked.few, size=SIDE)
    sizes, costs, evaluations = [], [], []
    for depth in FULL_DEPTHS if full else DEPTHS:
        chain = unravel(model(depth), data.example())
        if not sizes:
            asked.run(chain, data)  # warm up
        sizes.append(len(chain.blocks))
        costs.append(cost_of(lambda chain=chain: asked.run(chain, data)))
        evaluations.append(asked.few * asked.evaluations(chain))
    fitted(tables, probe, "blocks", asked.law, sizes, [asked.few] * len(sizes), costs, evaluations)


@pytest.mark.parametrize("probe", PROBES)
def test_cost_over_images(probe, images, tables, full):
    asked = PROBES[probe]
    sizes = FULL_IMAGES if full else IMAGES
    few = images(sizes[0], size=SIDE)
    chain = unravel(model_of("resnet8", WIDTH), few.example())
    asked.run(chain, few)  # warm up
    costs = []
    for n in sizes:
        data = images(n, size=SIDE)
        costs.append(cost_of(lambda data=data: asked.run(chain, data)))
    evaluations = [n * asked.evaluations(chain) for n in sizes]
    fitted(tables, probe, "images", asked.law, sizes, sizes, costs, evaluations)
