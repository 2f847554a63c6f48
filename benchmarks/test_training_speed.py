"""Training steps of ResNet-20, batch 128, against a plain loop with DataLoader and Pillow.

The whole step is timed on either side: images made ready, forward, backward, optimiser, loss
and wrong answers read. resprobe and the plain loop have one thread each; the workers of a
DataLoader, where it has any, come on top and are started before the clock.
"""

import pytest

from benchmarks import plain_loop
from resprobe.datasets import Augmentation
from resprobe.networks import Architecture
from resprobe.training import Recipe
from resprobe.training.loop import Loop, epoch_order

BATCH, STEPS = 128, 4

pytestmark = pytest.mark.usefixtures("one_thread")


def loop_over(data, **changes):
    augmentation = Augmentation(**changes)
    return Loop(
        Architecture("resnet20").build(seed=0),
        data.feed(plain_loop.NORMALISATION, augmentation),
        recipe=Recipe(batch_size=BATCH, iterations=10_000, milestones=()),
        seed=0,
        depth=20,
    )


def one_epoch(loop):
    tally = loop.run_epoch()
    loop.next_epoch()
    return tally


@pytest.mark.filterwarnings(plain_loop.ADVICE)
@pytest.mark.parametrize("workers", [0, plain_loop.WORKERS])
def test_training_steps(workers, images, side_by_side):
    data = images(BATCH * STEPS).data
    gap = same_losses(data)
    loop = loop_over(data)
    batches = plain_loop.loader(data, workers=workers)
    model = Architecture("resnet20").build(seed=0)
    optimiser = plain_loop.sgd(model)
    ratio = side_by_side(
        lambda: plain_loop.train_epoch(model, optimiser, batches),
        lambda: one_epoch(loop),
        work="training steps", network="resnet20", images=BATCH * STEPS,
        against=f"plain loop, {workers} workers", agreement=gap,
        note=f"agreement: relative difference of the mean loss of {STEPS} steps",
    )  # fmt: skip
    assert ratio > 1.15


def same_losses(data):
    """In one order and without augmentation, both must learn the same."""
    order = epoch_order(len(data), seed=0, epoch=1)
    batches = plain_loop.loader(data.take(order), workers=0, augmented=False, shuffle=False)
    model = Architecture("resnet20").build(seed=0)
    loss, wrong = plain_loop.train_epoch(model, plain_loop.sgd(model), batches)
    tally = one_epoch(loop_over(data, pad=0, flip=False))
    # sums in another order, which four steps at a rate of 0.1 let grow
    assert tally.loss == pytest.approx(loss, rel=0.01)
    assert tally.error == pytest.approx(wrong / len(data), abs=0.03)
    return abs(tally.loss - loss) / loss
