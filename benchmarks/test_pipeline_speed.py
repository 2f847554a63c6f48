"""Batches of augmented images from memory against a DataLoader with Pillow's transforms.

On one thread: a DataLoader without workers has no more, and several would measure how busy the
machine is. With workers, the other side has as many processes besides.
"""

import pytest
import torch

from benchmarks import plain_loop
from resprobe.datasets import Augmentation

BATCH = 128


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.filterwarnings(plain_loop.ADVICE)
@pytest.mark.parametrize(("workers", "least"), [(0, 20), (plain_loop.WORKERS, 5)])
def test_the_data_pipeline_alone(workers, least, images, side_by_side):
    data = images(5120).data
    same_numbers(data)
    naive = plain_loop.loader(data, workers=workers)
    feed = data.feed(plain_loop.NORMALISATION, Augmentation())

    def ours():
        order = torch.randperm(len(data)).split(BATCH)
        return sum(len(x) for x, _ in feed.batches(order, seed=0, epoch=1))

    ratio = side_by_side(
        lambda: sum(len(x) for x, _ in naive), ours,
        work="augmented batches", network="", images=len(data),
        against=f"DataLoader and Pillow, {workers} workers", agreement=0.0,
        note="agreement: elements that differ without what is drawn",
    )  # fmt: skip
    assert ratio > least


def same_numbers(data):
    """Without what is drawn, both must give the same bits."""
    feed = data.feed(plain_loop.NORMALISATION, Augmentation(pad=0, flip=False))
    ours = feed.batches(torch.arange(512).split(BATCH), seed=0, epoch=1)
    naive = plain_loop.loader(data, workers=0, augmented=False, shuffle=False)
    for (x, y), (wanted, labels) in zip(ours, naive, strict=False):
        assert torch.equal(x, wanted)
        assert torch.equal(y, labels)
