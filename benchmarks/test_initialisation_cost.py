"""Variances and gradients at initialisation, in multiples of a bare forward and backward pass."""

import pytest
import torch

from benchmarks.conftest import LINES
from resprobe.chain import unravel
from resprobe.networks import Architecture
from resprobe.probes import initialisation

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(("name", "n"), [("resnet20", 256), ("resnet56", 64), ("plain56", 64)])
def test_signals_over_forward_and_backward(name, n, images, side_by_side):
    """The other side asks for the gradient at the images alone, in training mode.

    A block of two convolutions reads and writes its tensor some ten times forward and as often
    back. Added are BatchNorm's statistics, taken apart from the normalisation (two reads for each
    of two), the moments of input and branch (two reads each), the block without its branch (an
    activation, a difference, its extremes) and norm and sum of the gradient: half as many again,
    beside convolutions that stay what they are.
    """
    data = images(n)
    model = Architecture(name).build().train().requires_grad_(False)
    chain = unravel(model, data.example())

    def bare():
        for x, _ in data:
            leaf = x.clone().requires_grad_()
            torch.autograd.grad(model(leaf).sum(), leaf)

    ratio = side_by_side(bare, lambda: initialisation(chain, data))
    LINES.append(f"signals: {1 / ratio:.2f} times one forward and backward, {name}")
    assert 1 / ratio <= 1.5
