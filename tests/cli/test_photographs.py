"""Photographs that stay on the disk, from the command line."""

import json
import re

import numpy as np
import pytest
from PIL import Image

import resprobe
from resprobe.checkpoints import save
from resprobe.datasets import Normalisation
from resprobe.networks import Architecture

pytest.importorskip("torchvision")
SHAPES = ((40, 50), (50, 40), (36, 90))


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """A folder like ImageNet's with 2 classes, 6 training and 8 test images."""
    rng = np.random.default_rng(0)
    root = tmp_path_factory.mktemp("photographs") / "small-net"
    for split, count in (("train", 3), ("val", 4)):
        for name in ("n01", "n02"):
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                height, width = SHAPES[number % 3]
                noise = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
                noise.resize((width, height)).save(root / split / name / f"{number}.JPEG")
    return root


@pytest.fixture
def checkpoint(photographs, tmp_path):
    """Return the function that saves a network with this recipe."""

    def build(**recipe):
        network = Architecture("resnet8", num_classes=2, width=2)
        return save(
            tmp_path / "net.pt", network.build(seed=0), architecture=network, recipe=recipe,
            normalisation=Normalisation.parse("imagenet"), data=f"imagenet:{photographs}",
            epoch=1, figures={}, split_seed=0,
        )  # fmt: skip

    return build


def test_a_lesion_study_on_photographs_is_the_librarys(ok, photographs, checkpoint):
    path = checkpoint()
    ran = ok("lesion", "--ckpt", path, "--image-size", 32, "--images", 6, "--json")
    images = resprobe.load_data(f"imagenet:{photographs}").sized(32).subset(6)
    model = resprobe.load(path)
    data = resprobe.Batches(images, model.normalisation)
    chain = resprobe.unravel(model.model, data.example())
    result = resprobe.lesion(chain, data, network="net")
    assert ran.json["rows"] == json.loads(result.to_json())["rows"]
    told = ran.json["meta"]["data"]
    assert (told["data_set"], told["n"], told["shape"]) == ("imagenet:small-net", 6, [3, 32, 32])
    assert told["changes"] == []


def test_photographs_are_shown_as_large_as_in_training(ok, checkpoint):
    for recipe, shape in (
        ({"crop": "scale", "crop_size": 28}, [3, 28, 28]),
        ({"crop": "pad", "crop_size": 28}, [3, 224, 224]),
        ({}, [3, 224, 224]),
    ):
        path = checkpoint(**recipe)
        ran = ok("gradflow", "--ckpt", path, "--images", 1, "--json")
        assert ran.json["meta"]["data"]["shape"] == shape


def test_images_held_out_of_photographs_are_those_that_the_training_never_saw(
    ok, photographs, checkpoint
):
    path = checkpoint(images=6, validation_fraction=0.5)
    arguments = ("gradflow", "--ckpt", path, "--image-size", 16, "--json")
    ran = ok(*arguments, "--split", "validation", "--data", f"imagenet:{photographs}")
    assert ran.json["meta"]["data"]["split"] == "validation"
    assert ran.json["meta"]["data"]["n"] == 3


def test_a_dry_run_counts_no_photograph_as_held_in_memory(ok, checkpoint):
    (row,) = ok("lesion", "--ckpt", checkpoint(), "--image-size", 32, "--dry-run", "--json").json[
        "rows"
    ]
    assert row["images"] == 8
    assert row["memory_bytes"] < 8 * 3 * 224 * 224


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "does not decode as an image"), (b"\xff\xd8\xff\xe0 no jpeg", "does not decode")],
)
def test_a_photograph_that_does_not_decode_is_named(
    refused, photographs, tmp_path, content, message
):
    for path in photographs.rglob("*.JPEG"):
        there = tmp_path / "copy" / path.relative_to(photographs)
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_bytes(path.read_bytes())
    (tmp_path / "copy" / "val" / "n02" / "3.JPEG").write_bytes(content)
    arguments = ("--data", "imagenet:copy", "--image-size", 32)
    refused(3, f"val/n02/3.JPEG: {message}", "lesion", "--arch", "resnet8", *arguments)


def test_verify_decodes_every_photograph(call, ok, photographs, tmp_path):
    rows = ok("data", "verify", f"imagenet:{photographs}", "--json").json["rows"]
    assert [row["found"] for row in rows] == ["6 images in 2 classes", "8 images in 2 classes"]
    assert all(row["ok"] for row in rows)
    (tmp_path / "bad" / "train" / "n01").mkdir(parents=True)
    (tmp_path / "bad" / "train" / "n01" / "0.JPEG").write_bytes(b"x")
    ran = call("data", "verify", "imagenet:bad")
    assert ran.code == 4
    assert re.search(r"0\.JPEG: does not decode", ran.err)
    refusal = call("data", "verify", "imagenet:none")
    assert (refusal.code, len(refusal.notes)) == (3, 1)
