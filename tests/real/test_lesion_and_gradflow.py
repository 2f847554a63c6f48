"""Trained weights on real images against figures that an independent computation gave."""

import json
import tarfile

import pytest
import torch

from resprobe.chain import left_as_found, unravel
from resprobe.checkpoints import load
from resprobe.datasets import Batches
from resprobe.datasets import load as load_data
from resprobe.probes import gradflow, lesion

pytestmark = pytest.mark.real


@pytest.fixture(scope="session")
def images(reference, tmp_path_factory):
    """The test split of the CIFAR-10 JPEG copies, unpacked."""
    folder = tmp_path_factory.mktemp("cifar10-jpeg")
    with tarfile.open(reference / "data" / "cifar10-jpeg.tar.xz") as archive:
        members = [m for m in archive if m.name.startswith("test/")]
        archive.extractall(folder, members, filter="data")
    return load_data(f"folder:{folder}", split="test")


def subject(reference, images, name, *, n):
    checkpoint = load(next((reference / "weights").glob(f"{name}-*.th")))
    data = Batches(images.subset(n), checkpoint.normalisation)
    return unravel(checkpoint.model, data.example()), data


def published(reference, file, name):
    figures = json.loads((reference / "reference" / file).read_text())
    return next(value for key, value in figures.items() if key.startswith(name))


def check_lesions(reference, images, name):
    chain, data = subject(reference, images, name, n=10_000)
    expected = published(reference, "lesion-and-magnitude.json", name)
    found = lesion(chain, data).frame["correct"].tolist()
    # two images: what another JPEG decoder or another order of sums can turn
    assert found[0] == pytest.approx(expected["correct_intact"], abs=2)
    assert found[1:] == pytest.approx(expected["correct_after_deleting_block"], abs=2)
    assert len(set(found)) > 5


def test_deleting_any_block_of_resnet20_gives_the_reference_counts(reference, images):
    check_lesions(reference, images, "resnet20")


@pytest.mark.long
def test_deleting_any_block_of_resnet32_gives_the_reference_counts(reference, images):
    check_lesions(reference, images, "resnet32")


def test_branches_are_as_large_as_the_reference_says(reference, images):
    # the chain's own parts: shortcut and branch are what the reference measured
    chain, data = subject(reference, images, "resnet20", n=10_000)
    expected = published(reference, "lesion-and-magnitude.json", "resnet20")["magnitude"]
    ratios = [[] for _ in chain.blocks]
    with left_as_found(chain, training=False), torch.no_grad():
        for x, _ in data:
            hidden = chain.stem(x)
            for kept, block in zip(ratios, chain.steps, strict=True):
                branch, shortcut = block.branch(hidden), block.shortcut(hidden)
                kept.append(branch.flatten(1).norm(dim=1) / shortcut.flatten(1).norm(dim=1))
                hidden = block(hidden)
    found = [float(torch.cat(kept).double().mean()) for kept in ratios]
    assert found == pytest.approx([block["mean_ratio"] for block in expected], rel=1e-3)


def test_gradients_divide_as_the_reference_says(reference, images):
    chain, data = subject(reference, images, "resnet20", n=200)
    frame = gradflow(chain, data).blocks.frame
    expected = published(reference, "gradient-paths.json", "resnet20")["blocks"]
    for name, key in (
        ("output", "out"), ("identity", "identity"), ("residual", "residual"), ("input", "input")
    ):  # fmt: skip
        assert frame[name].tolist() == pytest.approx([b[key] for b in expected], rel=1e-3)
    # images that are all but certain have gradients whose direction is float32 rounding, which
    # moves the mean cosine by some 1e-5 from machine to machine: seen in cosines near 0
    cosines = [block["cosine"] for block in expected]
    assert frame["cosine"].tolist() == pytest.approx(cosines, rel=1e-3, abs=5e-5)
