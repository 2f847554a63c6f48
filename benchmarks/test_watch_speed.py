"""A training step that is watched, every block at every step, against the same one unwatched.

A ratio is the median over 40 pairs of neighbouring steps, since what else the machine does slows
single steps down by more than a watch.
"""

import pytest
import torch
import torch.nn.functional as F

from resprobe.monitor import watch
from resprobe.networks import Architecture


class Trained:
    """A network, and one step of its training on the same images again."""

    def __init__(self, name):
        torch.manual_seed(0)
        self.model = Architecture(name).build().to(memory_format=torch.channels_last)
        self.optimiser = torch.optim.SGD(
            self.model.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4
        )
        self.images = torch.randn(128, 3, 32, 32).contiguous(memory_format=torch.channels_last)
        self.labels = torch.arange(128) % 10

    def step(self):
        self.optimiser.zero_grad(set_to_none=True)
        F.cross_entropy(self.model(self.images), self.labels).backward()
        self.optimiser.step()


@pytest.mark.parametrize(
    ("options", "overhead"),
    [({}, 0.05), ({"per_pass": None}, 0.10), ({"every": 10**9}, 0.02)],
    ids=["every step", "every step and image", "no step"],
)
def test_watch_over_a_step_at_batch_128(options, overhead, side_by_side, tmp_path):
    bare, watched = Trained("resnet20"), Trained("resnet20")
    out = tmp_path / "watch.csv"
    with watch(watched.model, watched.images, optimiser=watched.optimiser, out=out, **options):
        ratio = side_by_side(bare.step, watched.step, pairs=40)
    assert 1 / ratio - 1 <= overhead
