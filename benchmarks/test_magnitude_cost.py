"""Sizes of branches and layers against a bare forward pass over the same images."""

import pytest
import torch

from benchmarks.conftest import LINES
from resprobe.chain import unravel
from resprobe.networks import Architecture
from resprobe.probes import magnitude

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(("name", "n"), [("resnet20", 256), ("resnet56", 96), ("plain56", 96)])
def test_magnitude_over_a_forward_pass(name, n, images, side_by_side):
    """Per block some eight reductions of a tensor, beside two convolutions of it.

    A reduction reads a tensor once, which takes some tenth of a narrow convolution on a CPU; the
    cosine and the share below 0 write one as well. All together is less than another pass.
    """
    data = images(n)
    model = Architecture(name).build().eval()
    chain = unravel(model, data.example())
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                torch.nn.init.constant_(module.weight, 0.3)  # keeps the activations finite

    def bare():
        with torch.inference_mode():
            for x, _ in data:
                model(x)

    ratio = side_by_side(bare, lambda: magnitude(chain, data), pairs=3)
    LINES.append(f"{name}: magnitude takes {1 / ratio:.2f} forward passes")
    assert 1 / ratio <= 2
