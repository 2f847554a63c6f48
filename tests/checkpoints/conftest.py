from types import SimpleNamespace

import pytest
import torch

from resprobe.checkpoints import save
from resprobe.datasets import Normalisation
from resprobe.networks import Architecture

ARCHITECTURE = Architecture("resnet8", num_classes=5, in_channels=1, width=2)
NORMALISATION = Normalisation((0.25,), (0.5,))


def fill(model):
    """Give every weight and statistic a value that differs from its initial one."""
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for value in model.state_dict().values():
            if value.is_floating_point():
                value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
            else:
                value.fill_(7)
    return model.eval()


@pytest.fixture(scope="session")
def filled():
    """Return the function that gives a network values which differ from its initial ones."""
    return fill


@pytest.fixture
def trained():
    """A small network whose every weight and statistic differs from its initial one."""
    return fill(ARCHITECTURE.build(seed=3))


@pytest.fixture
def weights(trained):
    """The state dict of the trained network."""
    return dict(trained.state_dict())


@pytest.fixture
def saved(tmp_path):
    """Write any content as a torch file, and return its path."""

    def written(content, name="net.pt"):
        torch.save(content, tmp_path / name)
        return tmp_path / name

    return written


@pytest.fixture
def same_answers(trained):
    """Assert that a network computes exactly what the trained one does."""

    def compared(model):
        x = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
        assert torch.equal(model(x), trained(x))

    return compared


@pytest.fixture
def write(trained):
    """Write the trained network as a checkpoint of ours; keywords replace what it says."""

    def written(path, model=trained, **changes):
        facts = {
            "architecture": ARCHITECTURE,
            "normalisation": NORMALISATION,
            "data": "folder:pets",
            "recipe": {"name": "he2015-cifar", "milestones": (1, 2)},
            "epoch": 3,
            "figures": {"validation_error": 0.25, "validation_n": 12},
            "split_seed": 0,
        }
        return save(path, model, **{**facts, **changes})

    return written


@pytest.fixture
def tiny():
    """The architecture and normalisation of the network that ``trained`` and ``write`` use."""
    return SimpleNamespace(architecture=ARCHITECTURE, normalisation=NORMALISATION)
