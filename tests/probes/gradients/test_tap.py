"""What a block's tap makes of the gradients that it catches."""

import numpy as np
import pytest
import torch
from nets import AkamasterNet, random_batches, with_lively_statistics
from torch import nn

from resprobe.chain import unravel
from resprobe.errors import ResprobeError
from resprobe.networks import Architecture
from resprobe.probes import gradflow
from resprobe.probes.gradients import crossing
from resprobe.probes.gradients.tap import Tap
from resprobe.probes.taps import norms_of


def tapped(whole, identity, residual):
    """A tap that one batch has passed."""
    tap = Tap("layer1.0")
    tap.catch_identity(identity)
    tap.catch_residual(residual)
    tap.catch_input(whole, norms_of(whole))
    tap.close_batch()
    return tap


def test_parts_that_do_not_add_up_to_the_whole_are_an_error():
    gradient = torch.ones(2, 3, 4, 4)
    with pytest.raises(ResprobeError, match=r"layer1.0 miss the whole gradient by 3.3e-01"):
        tapped(3 * gradient, gradient, gradient)
    rounded = 2 * gradient
    rounded[0, 0, 0, 0] += 1e-6
    for whole in (2 * gradient, rounded):
        assert tapped(whole, gradient, gradient).n == 2


def test_an_image_without_a_gradient_has_no_share_and_hides_nobody_elses():
    gradient = torch.ones(2, 3, 4, 4)
    gradient[1] = 0
    tap = tapped(2 * gradient, gradient, gradient)
    assert tap.means()["residual_share"] == 0.5
    assert np.isnan(tap.errors()["residual_share"])  # of one image
    assert not np.isnan(tap.errors()["residual"])
    assert tap.n == 2


def flow_of(model, data):
    return gradflow(unravel(model, data.example()), data, identity=False).blocks.frame


def test_a_branch_that_no_gradient_comes_through_carries_none():
    class Cut(nn.Module):
        def __init__(self):
            super().__init__()
            self.f, self.fc = nn.Conv2d(3, 3, 1), nn.Linear(3, 10)

        def forward(self, x):
            x = x + self.f(x.detach())
            return self.fc(x.mean((2, 3)))

    frame = flow_of(Cut(), random_batches(4))
    assert frame["residual"].tolist() == [0.0]
    assert frame["identity"].tolist() == frame["input"].tolist()


@pytest.mark.parametrize(
    ("model", "more"),
    [
        (with_lively_statistics(AkamasterNet()), 1),
        # before the blocks that widen lie norm and activation, as a link
        (Architecture("preresnet8", width=4, shortcut="B").build(seed=0), 3),
        (Architecture("plain8", width=4).build(seed=0), 1),
    ],
)
def test_where_two_blocks_meet_one_norm_serves_both(model, more, monkeypatch):
    sizes = []

    def counted(gradient):
        sizes.append(gradient.shape)
        return norms_of(gradient)

    monkeypatch.setattr(crossing, "norms_of", counted)
    frame = flow_of(model, random_batches(4))
    assert len(sizes) == len(frame) + more
    met = (frame["output"][:-1].to_numpy() == frame["input"][1:].to_numpy()).sum()
    assert met == len(frame) - more
