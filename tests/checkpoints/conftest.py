from types import SimpleNamespace

import pytest
import torch

from resprobe.checkpoints import save
from resprobe.datasets import Normalisation
from resprobe.networks import Architecture

ARCHITECTURE = Architecture("resnet8", num_classes=5, in_channels=1, width=2)
NORMALISATION = Normalisation((0.25,), (0.5,))


@pytest.fixture
def trained():
    """A small network whose every weight and statistic differs from its initial one."""
    model = ARCHITECTURE.build(seed=3)
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for value in model.state_dict().values():
            if value.is_floating_point():
                value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
            else:
                value.fill_(7)
    return model.eval()


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
