"""The gradient split at every block against a bare forward and backward pass."""

import pytest
import torch
import torch.nn.functional as F

from resprobe.chain import unravel
from resprobe.networks import Architecture
from resprobe.probes import gradflow


@pytest.mark.parametrize(("name", "n"), [("resnet20", 512), ("resnet56", 128), ("plain56", 128)])
def test_gradflow_over_forward_and_backward(name, n, images, side_by_side):
    data = images(n)
    model = Architecture(name).build()
    chain = unravel(model, data.example())

    def bare():
        for x, y in data:
            loss = F.cross_entropy(model(x), y, reduction="sum")
            torch.autograd.grad(loss, list(model.parameters()))

    ratio = side_by_side(bare, lambda: gradflow(chain, data, batch_norm="batch"))
    assert ratio > 0.5
