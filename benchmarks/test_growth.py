"""How the cost of every probe grows with depth and with images, beside the law that it follows.

Narrow networks and small images, so that hundreds of blocks finish: there, what a call costs
whatever it computes is a large part of it, so that a cost grows more slowly than its law at first.
What is asserted is an upper bound alone: between the two largest sizes, no faster than the law.
"""

import pytest

from benchmarks.growth import PROBES, model_of
from benchmarks.timing import exponent_of, seconds_of
from resprobe.chain import unravel

pytestmark = pytest.mark.usefixtures("one_thread")

DEPTHS = (20, 56, 110, 218, 434)
IMAGES = (100, 316, 1000)
WIDTH, SIDE, FEW = 4, 16, 4
SLACK = 0.15  # of an exponent: caches, and what a garbage collector does


def fitted(tables, probe, axis, law, sizes, seconds, evaluations):
    for size, cost, n in zip(sizes, seconds, evaluations, strict=True):
        tables.add("growth", probe=probe, axis=axis, size=size, seconds=cost, evaluations=n)
    found, expected = exponent_of(sizes, seconds), exponent_of(sizes, evaluations)
    tables.add(
        "exponents", probe=probe, axis=axis, exponent=found.exponent, low=found.low,
        high=found.high, law=law, law_exponent=expected.exponent, last_exponent=found.last,
        last_bound=expected.last + SLACK,
    )  # fmt: skip
    assert found.last < expected.last + SLACK


@pytest.fixture(scope="module")
def chains():
    """Networks by depth, each taken apart once, and the seconds that it took."""
    made = {}

    def of(depth, data):
        if depth not in made:
            model = model_of(f"resnet{depth}", WIDTH)
            seconds = seconds_of(lambda: unravel(model, data.example()))
            made[depth] = unravel(model, data.example()), seconds
        return made[depth]

    return of


def test_taking_a_network_apart_over_depth(images, tables, chains):
    data = images(FEW, batch_size=FEW, size=SIDE)
    chains(8, data)  # warm up
    found = [chains(depth, data) for depth in DEPTHS]
    sizes = [len(chain.blocks) for chain, _ in found]
    seconds = [taken for _, taken in found]
    fitted(tables, "unravel", "blocks", "L", sizes, seconds, sizes)


@pytest.mark.parametrize("probe", PROBES)
def test_cost_over_depth(probe, images, tables, chains):
    data, asked = images(FEW, batch_size=FEW, size=SIDE), PROBES[probe]
    found = [chains(depth, data)[0] for depth in DEPTHS if (depth - 2) // 2 <= asked.most_blocks]
    asked.run(found[0], data)  # warm up
    sizes = [len(chain.blocks) for chain in found]
    seconds = [seconds_of(lambda chain=chain: asked.run(chain, data)) for chain in found]
    evaluations = [FEW * asked.evaluations(chain) for chain in found]
    fitted(tables, probe, "blocks", asked.law, sizes, seconds, evaluations)


@pytest.mark.parametrize("probe", PROBES)
def test_cost_over_images(probe, images, tables):
    asked = PROBES[probe]
    sizes = [n for n in IMAGES if n <= asked.most_images]
    few = images(sizes[0], size=SIDE)
    chain = unravel(model_of("resnet8", WIDTH), few.example())
    asked.run(chain, few)  # warm up
    seconds = []
    for n in sizes:
        data = images(n, size=SIDE)
        seconds.append(seconds_of(lambda data=data: asked.run(chain, data)))
    evaluations = [n * asked.evaluations(chain) for n in sizes]
    fitted(tables, probe, "images", asked.law, sizes, seconds, evaluations)
