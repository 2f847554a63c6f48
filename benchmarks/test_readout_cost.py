"""Read-outs against bare passes over the same images."""

import pytest
import torch
import torch.nn.functional as F

from resprobe.chain import unravel
from resprobe.networks import Architecture
from resprobe.probes import readout


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(("name", "n"), [("resnet20", 256), ("resnet56", 96), ("preresnet56", 96)])
def test_reading_over_forward_and_backward(name, n, images, side_by_side):
    data = images(n)
    model = Architecture(name).build().eval()
    chain = unravel(model, data.example())

    def bare():
        for x, y in data:
            loss = F.cross_entropy(model(x), y, reduction="sum")
            torch.autograd.grad(loss, list(model.parameters()))

    ratio = side_by_side(bare, lambda: readout(chain, data), pairs=3)
    # one pass each way, without gradients of weights (a third of the work); every output is read
    # four times in float64: by the mean, by the spread, and by both of the stage's end
    assert ratio > 0.5


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(("name", "n"), [("resnet20", 512), ("resnet56", 192)])
def test_fitting_probes_over_a_forward_pass(name, n, images, side_by_side):
    data, read = images(n), images(8)
    model = Architecture(name).build().eval()
    chain = unravel(model, data.example())

    @torch.inference_mode()
    def bare():
        for x, _ in data:
            model(x)

    ratio = side_by_side(bare, lambda: readout(chain, read, fit=data), pairs=3)
    # one forward pass, and of 8 images both ways; a mean over positions is one read of an output
    assert ratio > 0.6
