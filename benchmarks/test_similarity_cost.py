"""Similarity against a bare forward pass over the same images."""

import pytest
import torch

from resprobe.chain import unravel
from resprobe.networks import Architecture
from resprobe.probes import similarity


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(
    ("name", "n", "interiors"),
    [("resnet20", 256, False), ("resnet20", 256, True), ("resnet56", 128, True)],
)
def test_similarity_over_a_forward_pass(name, n, interiors, images, side_by_side):
    data = images(n)
    model = Architecture(name).build().eval()
    chain = unravel(model, data.example())

    @torch.inference_mode()
    def bare():
        for x, _ in data:
            model(x)

    ratio = side_by_side(bare, lambda: similarity(chain, data, interiors=interiors), pairs=3)
    # a Gram matrix of b images costs b multiplications of float64 for each element, a layer of
    # 3x3 convolutions 9 C of float32: with b = 64 and C = 16 to 64, half as much to as much each
    assert ratio > (0.3 if interiors else 0.4)
