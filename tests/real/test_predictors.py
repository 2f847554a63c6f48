"""Size, gradient and damage of trained weights on real images."""

import json

import numpy as np
import pytest

from resprobe.probes import magnitude, predictors
from resprobe.ranks import spearman_rho

pytestmark = pytest.mark.real


def expected(reference, name):
    file = reference / "reference" / "lesion-and-magnitude.json"
    figures = json.loads(file.read_text())
    return next(value for key, value in figures.items() if key.startswith(name))


def test_branches_of_a_tenth_of_the_images_are_as_large_as_the_reference_says(reference, subject):
    """Within 4 standard errors, in all blocks at once, of the means over ten times as many."""
    frame = magnitude(*subject("resnet20", 1000)).blocks.frame
    wanted = [block["mean_ratio"] for block in expected(reference, "resnet20")["magnitude"]]
    errors = (frame["ratio"] - wanted) / frame["ratio_se"]
    assert errors.abs().max() < 4
    assert (frame["ratio_se"] < 0.02 * frame["ratio"]).all()


@pytest.mark.long
@pytest.mark.parametrize("name", ["resnet20", "resnet32"])
def test_branches_are_as_large_as_the_reference_says(reference, subject, name):
    blocks, layers = magnitude(*subject(name, 10_000))
    for column in ("ratio", "branch_norm", "shortcut_norm"):
        wanted = [block[f"mean_{column}"] for block in expected(reference, name)["magnitude"]]
        assert blocks.frame[column].tolist() == pytest.approx(wanted, rel=1e-3)
    # the running statistics are those of augmented images in their original encoding; nearly all
    # responses to the copies are smaller than they say
    gap = (layers.frame["response_std"] / layers.frame["from_batch_norm"]).dropna()
    low, high = {"resnet20": (0.86, 1.0), "resnet32": (0.79, 1.03)}[name]
    assert len(gap) == len(layers.frame) - 1
    assert gap.between(low, high).all()
    assert gap.median() < 1


@pytest.mark.long
def test_size_and_damage_of_resnet20_go_together_as_in_the_reference(reference, subject):
    figures = expected(reference, "resnet20")
    damage = figures["correct_intact"] - np.array(figures["correct_after_deleting_block"])
    sizes = [block["mean_ratio"] for block in figures["magnitude"]]
    wanted = float(spearman_rho(sizes, damage))  # of all 10,000 images
    table = predictors(*subject("resnet20", 400)).correlations.frame
    chosen = (table["damage"] == "error_rise") & (table["blocks"] == "all")
    chosen &= (table["predictor"] == "ratio") & (table["method"] == "spearman")
    (row,) = table[chosen].to_dict("records")
    assert row["resampled_low"] <= wanted <= row["resampled_high"]
    assert row["reliability_predictor"] > 0.95
    assert row["reliability_damage"] > 0.8
