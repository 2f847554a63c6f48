"""What the identity path and histograms add to a gradient flow, in forward and backward passes."""

import pytest
import torch
import torch.nn.functional as F

from benchmarks.conftest import LINES
from resprobe.chain import unravel
from resprobe.networks import Architecture
from resprobe.probes import gradflow

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(("name", "n"), [("resnet20", 128), ("preresnet56", 48)])
@pytest.mark.parametrize(
    ("options", "bound"),
    # the whole: norms of four gradients, an inner product and a check at every block. The path
    # crosses activations alone, and at transitions a link: a forward pass at most. Histograms
    # read three gradients once more, bit by bit.
    [({"identity": False}, 2.0), ({}, 2.0 + 1 / 3), ({"histograms": True}, 3.0)],
    ids=["alone", "with-identity-path", "with-histograms"],
)
def test_gradflow_over_forward_and_backward(name, n, options, bound, images, side_by_side):
    data = images(n)
    model = Architecture(name).build()
    chain = unravel(model, data.example())

    def bare():
        for x, y in data:
            loss = F.cross_entropy(model(x), y, reduction="sum")
            torch.autograd.grad(loss, list(model.parameters()))

    def ours():
        gradflow(chain, data, batch_norm="batch", **options)

    ratio = side_by_side(bare, ours, pairs=3)
    LINES.append(f"{name}: {1 / ratio:.2f} forward and backward passes")
    assert 1 / ratio <= bound
