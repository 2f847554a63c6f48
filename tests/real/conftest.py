"""Trained weights and real images, unpacked once."""

import pytest
from archives import unpack

from resprobe.chain import unravel
from resprobe.checkpoints import load
from resprobe.datasets import Batches
from resprobe.datasets import load as load_data


@pytest.fixture(scope="session")
def images(reference, tmp_path_factory):
    """The test split of the CIFAR-10 JPEG copies, unpacked."""
    archive = reference / "data" / "cifar10-jpeg.tar.xz"
    folder = unpack(archive, tmp_path_factory.mktemp("cifar10-jpeg"))
    return load_data(f"folder:{folder}", split="test")


@pytest.fixture
def subject(reference, images):
    """Return the function that makes a network's chain and batches of so many images."""

    def make(name, n):
        checkpoint = load(next((reference / "weights").glob(f"{name}-*.th")))
        data = Batches(images.subset(n), checkpoint.normalisation)
        return unravel(checkpoint.model, data.example()), data

    return make
