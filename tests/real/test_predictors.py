"""Size, gradient and damage of trained weights on real images."""

import json
import tarfile

import numpy as np
import pytest

from resprobe.chain import unravel
from resprobe.checkpoints import load
from resprobe.datasets import Batches
from resprobe.datasets import load as load_data
from resprobe.probes import predictors
from resprobe.probes.magnitude import branch_norms
from resprobe.ranks import spearman_rho

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def images(reference, tmp_path_factory):
    """The test split of the CIFAR-10 JPEG copies, unpacked."""
    folder = tmp_path_factory.mktemp("cifar10-jpeg")
    with tarfile.open(reference / "data" / "cifar10-jpeg.tar.xz") as archive:
        members = [m for m in archive if m.name.startswith("test/")]
        archive.extractall(folder, members, filter="data")
    return load_data(f"folder:{folder}", split="test")


def subject(reference, images, name, n):
    checkpoint = load(next((reference / "weights").glob(f"{name}-*.th")))
    data = Batches(images.subset(n), checkpoint.normalisation)
    return unravel(checkpoint.model, data.example()), data


def expected(reference, name):
    file = reference / "reference" / "lesion-and-magnitude.json"
    figures = json.loads(file.read_text())
    return next(value for key, value in figures.items() if key.startswith(name))


@pytest.mark.parametrize(
    "name", [pytest.param("resnet20"), pytest.param("resnet32", marks=pytest.mark.long)]
)
def test_branches_are_as_large_as_the_reference_says(reference, images, name):
    found = branch_norms(*subject(reference, images, name, 10_000))
    for values, key in (
        (found.ratio, "mean_ratio"),
        (found.branch, "mean_branch_norm"),
        (found.shortcut, "mean_shortcut_norm"),
    ):
        wanted = [block[key] for block in expected(reference, name)["magnitude"]]
        assert values.mean(1).tolist() == pytest.approx(wanted, rel=1e-3)


def test_size_and_damage_of_resnet20_go_together_as_in_the_reference(reference, images):
    figures = expected(reference, "resnet20")
    damage = figures["correct_intact"] - np.array(figures["correct_after_deleting_block"])
    sizes = [block["mean_ratio"] for block in figures["magnitude"]]
    wanted = float(spearman_rho(sizes, damage))  # of all 10,000 images
    table = predictors(*subject(reference, images, "resnet20", 400)).correlations.frame
    chosen = (table["damage"] == "error_rise") & (table["blocks"] == "all")
    chosen &= (table["predictor"] == "ratio") & (table["method"] == "spearman")
    (row,) = table[chosen].to_dict("records")
    assert row["resampled_low"] <= wanted <= row["resampled_high"]
    assert row["reliability_predictor"] > 0.95
    assert row["reliability_damage"] > 0.8
