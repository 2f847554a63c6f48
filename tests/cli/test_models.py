"""Models from elsewhere: a user's file, torchvision, timm."""

import hashlib
import json

import pytest

import resprobe
from resprobe.networks import Architecture
from resprobe.sources import build_model

VIT = "timm:vit_tiny_patch16_224:img_size=32:patch_size=8:depth=2:num_classes=2"


@pytest.fixture
def lesion(ok, pets):
    """Return the function that studies models on the pets."""

    def study(*arguments):
        models = [part for argument in arguments for part in argument]
        return ok("lesion", *models, "--data", f"folder:{pets}", "--json")

    return study


def names(rows):
    return list(dict.fromkeys(row["network"] for row in rows))


def test_a_users_file_is_studied_as_the_library_does_it(lesion, user_file, pets):
    ran = lesion(("--model", f"{user_file}:make:depth=3"))
    images = resprobe.load_data(f"folder:{pets}")
    data = resprobe.Batches(images, resprobe.Normalisation.measured(images.images))
    chain = resprobe.unravel(build_model(f"{user_file}:make:depth=3").eval(), data.example())
    result = resprobe.lesion(chain, data, network="net:make:depth=3")
    expected = json.loads(result.to_json())["rows"]
    assert ran.json["rows"] == expected
    assert [row["name"] for row in expected] == ["", "tower.0", "tower.1", "tower.2"]
    assert "resprobe: net:make:depth=3: at initialisation, seed 0, not trained" in ran.notes
    assert "a file may print what it likes" in ran.notes  # but not where the results go


def test_the_provenance_says_which_model_it_was(lesion, user_file):
    (found,) = lesion(("--model", f"{user_file}:make:depth=1")).json["meta"]["networks"]
    assert found["model"] == f"{user_file}:make:depth=1"
    assert found["options"] == {"depth": 1}
    assert found["initialisation"] == "as net:make draws it, seed 0"
    assert (found["class"], found["classes"], found["checkpoint_sha256"]) == ("Net", 2, None)


def test_a_checkpoint_fills_the_model(lesion, user_file, tmp_path, weights_of):
    path = weights_of(f"{user_file}:make", tmp_path / "mine.pt")
    filled = lesion(("--model", f"{user_file}:make", "--ckpt", path))
    drawn = lesion(("--model", f"{user_file}:make", "--seed", "3"))
    assert [{**row, "network": ""} for row in filled.json["rows"]] == [
        {**row, "network": ""} for row in drawn.json["rows"]
    ]
    (found,) = filled.json["meta"]["networks"]
    assert (found["network"], found["checkpoint"]) == ("mine", "mine.pt")
    assert found["checkpoint_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert [f"resprobe: mine.pt: {line}" for line in found["notes"]] == [
        line for line in filled.notes if "mine.pt" in line
    ]
    assert not any("at initialisation" in line for line in filled.notes)


def test_models_and_checkpoints_go_together_in_their_order(lesion, user_file, tmp_path, weights_of):
    one, two = f"{user_file}:make:depth=1", f"{user_file}:make:depth=2"
    files = [weights_of(spec, tmp_path / f"{i}.pt") for i, spec in enumerate((one, two))]
    paired = lesion(("--model", one, "--ckpt", files[0], "--model", two, "--ckpt", files[1]))
    assert [row["network"] for row in paired.json["rows"]] == ["0", "0", "1", "1", "1"]
    again = weights_of(one, tmp_path / "again.pt", seed=4)
    same = lesion(("--model", one, "--ckpt", files[0], "--ckpt", again))
    assert names(same.json["rows"]) == ["0", "again"]


def test_models_of_one_name_are_told_apart_by_their_options(lesion, user_file):
    one, two = f"{user_file}:make:depth=1", f"{user_file}:make:depth=2"
    rows = lesion(("--model", one, "--model", two, "--model", two)).json["rows"]
    assert names(rows) == ["net:make:depth=1", "net:make:depth=2#1", "net:make:depth=2#2"]


def test_grey_images_are_repeated_for_a_model_of_three_channels_and_it_is_said(ok, user_file):
    grey = ("--images", "10", "--json")
    ran = ok("gradflow", "--model", f"{user_file}:make", *grey)
    assert "resprobe: net:make: images grey repeated over 3 channels" in ran.notes
    data = ran.json["meta"]["data"]
    assert (data["shape"], data["changes"]) == ([3, 32, 32], ["grey repeated over 3 channels"])
    ran = ok("gradflow", "--model", f"{user_file}:any_channels", *grey)
    assert ran.json["meta"]["data"]["shape"] == [1, 32, 32]
    assert not any("repeated" in line for line in ran.notes)


@pytest.mark.parametrize("kind", ["--arch", "--ckpt", "--model"])
def test_images_are_shown_in_the_size_that_is_asked_for(ok, trained, user_file, pets, kind):
    named = {"--arch": "resnet8", "--ckpt": trained / "resnet8.pt", "--model": f"{user_file}:make"}
    asked = ("gradflow", kind, named[kind], "--data", f"folder:{pets}", "--json")
    ran = ok(*asked, "--image-size", "8")
    assert ran.json["meta"]["data"]["changes"] == ["resized from 16x16 to 8x8"]
    assert any(line.endswith("images resized from 16x16 to 8x8") for line in ran.notes)
    asis = ok(*asked, "--image-size", "16")
    assert asis.json["meta"]["data"]["changes"] == []
    assert asis.json["rows"] == ok(*asked).json["rows"]


def test_torchvisions_model_with_weights_takes_the_normalisation_of_the_librarys(
    lesion, tmp_path, weights_of
):
    pytest.importorskip("torchvision")
    spec = "torchvision:resnet18"
    path = weights_of(spec, tmp_path / "r18.pt", num_classes=2)
    ran = lesion(("--model", spec, "--ckpt", path))
    meta = ran.json["meta"]
    assert meta["data"]["normalisation"]["mean"] == [0.485, 0.456, 0.406]
    assert any("using imagenet, which the model's library" in line for line in ran.notes)
    assert len(ran.json["rows"]) == 9
    drawn = lesion(("--model", spec)).json["meta"]["data"]["normalisation"]["mean"]
    assert drawn != [0.485, 0.456, 0.406]


def test_a_transformer_of_timm_is_lesioned_block_by_block(lesion):
    pytest.importorskip("timm")
    ran = lesion(("--model", VIT))
    blocks = ["blocks.0.attn", "blocks.0.mlp", "blocks.1.attn", "blocks.1.mlp"]
    assert [row["name"] for row in ran.json["rows"]] == ["", *blocks]
    data = ran.json["meta"]["data"]
    assert (data["shape"], data["changes"]) == ([3, 32, 32], ["resized from 16x16 to 32x32"])
    (said,) = (line for line in ran.notes if "resized" in line)
    assert said.endswith("from 16x16 to 32x32; --image-size chooses another size")


def test_a_transformer_of_timm_has_its_gradients_split(ok, pets):
    pytest.importorskip("timm")
    ran = ok("gradflow", "--model", VIT, "--data", f"folder:{pets}", "--json")
    for row in ran.json["rows"]:
        assert 0 < row["residual_share"] < 1
        assert row["input"] <= row["identity"] + row["residual"]
    assert len(ran.json["rows"]) == 4
    assert not any("BatchNorm" in line for line in ran.notes)  # it has none


def test_of_two_networks_in_a_file_the_one_that_is_named_is_taken(ok, refused, tmp_path):
    import torch

    models = {name: Architecture("resnet8", num_classes=2, width=2) for name in ("one", "two")}
    weights = {
        f"{name}.{key}": value
        for seed, (name, network) in enumerate(models.items())
        for key, value in network.build(seed=seed).state_dict().items()
    }
    torch.save(weights, tmp_path / "pair.pt")
    refused(3, "holds 2 networks, .* --prefix one", "describe", "--ckpt", tmp_path / "pair.pt")
    said = ok("describe", "--ckpt", tmp_path / "pair.pt", "--prefix", "two")
    assert "took the prefix 'two.' off the names" in said.err
    assert "left out what is no part of the network: 'one'" in said.err
    refused(2, "--prefix says where .*; give --ckpt too", "describe", "--arch", "resnet8",
            "--prefix", "two")  # fmt: skip
