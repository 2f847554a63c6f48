import pytest
import torch
from torch import nn

from resprobe.monitor.weights import BlockWeights


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_weights_that_are_given_other_memory_are_found_there(layout):
    block = nn.Conv2d(3, 4, 3, bias=False).double().to(memory_format=layout)
    weights = BlockWeights([block])
    for factor in (1.0, 3.0):
        block.weight.data = torch.full_like(block.weight, factor)
        weights.keep()
        block.weight.grad = torch.full_like(block.weight, 2 * factor)
        weights.see_gradients()
        with torch.no_grad():
            block.weight.sub_(0.5)
        found = {name: values.item() for name, values in weights.figures().items()}
        root = block.weight.numel() ** 0.5
        assert found["weight_norm"] == pytest.approx(factor * root, 1e-12)
        assert found["weight_gradient_norm"] == pytest.approx(2 * factor * root, 1e-12)
        assert found["update_norm"] == pytest.approx(0.5 * root, 1e-12)
        assert found["update_ratio"] == pytest.approx(0.5 / factor, 1e-12)


def test_a_parameter_without_a_gradient_counts_as_one_of_zero():
    block = nn.Linear(300, 2)
    block.weight.grad = torch.ones_like(block.weight)
    weights = BlockWeights([block, nn.Identity()])
    weights.keep()
    weights.see_gradients()
    found = weights.figures()["weight_gradient_norm"]
    assert found[0].item() == pytest.approx(600**0.5, 1e-6)
    assert found[1].isnan()
