"""Trained weights and real images, unpacked once."""

import re
import tarfile

import pytest

from resprobe.chain import unravel
from resprobe.checkpoints import load
from resprobe.datasets import Batches
from resprobe.datasets import load as load_data


@pytest.fixture(scope="session")
def images(reference, tmp_path_factory):
    """The test split of the CIFAR-10 JPEG copies, unpacked."""
    folder = tmp_path_factory.mktemp("cifar10-jpeg")
    with tarfile.open(reference / "data" / "cifar10-jpeg.tar.xz") as archive:
        for member in archive:
            if member.isfile() and re.fullmatch(r"test/[\w-]+/[\w.-]+", member.name):
                target = folder / member.name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.extractfile(member).read())
    return load_data(f"folder:{folder}", split="test")


@pytest.fixture
def subject(reference, images):
    """Return the function that makes a network's chain and batches of so many images."""

    def make(name, n):
        checkpoint = load(next((reference / "weights").glob(f"{name}-*.th")))
        data = Batches(images.subset(n), checkpoint.normalisation)
        return unravel(checkpoint.model, data.example()), data

    return make
