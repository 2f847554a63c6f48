import pytest
import torch
import torch.nn.functional as F

from resprobe.monitor import watch


@pytest.fixture
def batch():
    """Images and labels, in float64 so that nothing hides behind rounding."""

    def make(n=6, channels=3, size=16, dtype=torch.float64, seed=0):
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn(n, channels, size, size, generator=generator, dtype=dtype)
        return x, torch.arange(n) % 10

    return make


@pytest.fixture
def one_step():
    """Watch a model for one step of SGD; return the frame."""

    def run(model, x, y, *, loss=F.cross_entropy, parts=1, lr=0.1, **options):
        optimiser = torch.optim.SGD(model.parameters(), lr=lr)
        with watch(model, x, optimiser=optimiser, **options) as seen:
            for part, labels in zip(x.chunk(parts), y.chunk(parts), strict=True):
                (loss(model(part), labels) / parts).backward()
            optimiser.step()
        return seen.result().frame

    return run
