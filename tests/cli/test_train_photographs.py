"""Training on photographs that stay on disk, from the command line."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import resprobe


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Return ``train/`` and ``val/`` of two classes, JPEGs of several sizes."""
    root = tmp_path_factory.mktemp("photographs")
    draw = np.random.default_rng(0)
    for split, count in (("train", 12), ("val", 5)):
        for label, name in enumerate(("bright", "dark")):
            folder = root / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                height, width = draw.integers(40, 90, 2)
                pixels = draw.integers(0, 120, (height, width, 3)) + 130 * (1 - label)
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number:02}.jpg")
    return root


@pytest.fixture
def asked(photographs):
    return (
        *("train", "--arch", "resnet18:width=4", "--data", f"imagenet:{photographs}"),
        *("--recipe", "he2015-imagenet", "--batch-size", "8", "--set", "crop_size=32"),
        *("--set", "short_side=36,48", "--epochs", "2"),
    )


def test_the_recipe_of_imagenet_runs_with_and_without_workers(ok, asked):
    for workers in ("0", "2"):
        ok(*asked, "--workers", workers, "--out", f"w{workers}.pt")
    first, second = (pd.read_csv(f"w{n}.csv").drop(columns="duration_s") for n in (0, 2))
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    kept = resprobe.load("w2.pt")
    assert kept.recipe["crop"] == "scale"
    assert kept.figures["test_n"] == 10
    assert kept.normalisation.describe() == "imagenet"


def test_images_are_evaluated_in_the_size_that_is_learnt_from(ok, asked, monkeypatch):
    """Lesions, which take the size from the checkpoint, count as the training did."""
    ok(*asked, "--workers", "0", "--out", "net.pt")
    kept = resprobe.load("net.pt")
    rows = ok("lesion", "--ckpt", "net.pt", "--json").json["rows"]
    assert rows[0]["error"] == pytest.approx(kept.figures["test_error"])
    assert json.loads((kept.path.with_suffix(".json")).read_text())["meta"]["data"]["n"] == 24


def test_an_interrupted_epoch_goes_on_with_the_same_photographs(ok, asked, monkeypatch):
    ok(*asked, "--workers", "2", "--out", "whole.pt")
    from resprobe import training

    train = training.train

    def stopped(*given, pace, **more):
        return train(*given, pace=training.Pace(stop=lambda: True), **more)

    with monkeypatch.context() as patched:
        patched.setattr(training, "train", stopped)
        with pytest.raises(AssertionError, match="stopped after iteration 1 of 6"):
            ok(*asked, "--workers", "2", "--out", "net.pt")
    ok(*asked, "--workers", "1", "--out", "net.pt", "--resume")
    weights = resprobe.load("whole-last.pt").model.state_dict()
    for key, value in resprobe.load("net-last.pt").model.state_dict().items():
        assert value.equal(weights[key]), key
