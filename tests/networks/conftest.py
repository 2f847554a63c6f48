"""Networks whose every value differs from where it began, so that nothing can hide."""

import pytest
import torch
from torch import nn


def enliven(module: nn.Module, *, seed: int = 7) -> nn.Module:
    """Draw every parameter and statistic afresh, in float64; return the module in eval mode."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in [*module.named_parameters(), *module.named_buffers()]:
        if value.is_floating_point():
            value.data = torch.randn(value.shape, generator=generator, dtype=torch.float64) / 3
        if name.endswith("running_var"):
            value.data = value.data.abs() + 0.5
    return module.eval()


@pytest.fixture
def lively():
    return enliven
