import hashlib
import json
import re

import pytest

import resprobe
from resprobe.results import Result


def rows_of(result):
    """Return the rows as JSON has them: null for NaN."""
    return json.loads(result.to_json())["rows"]


@pytest.fixture
def lesion(ok, net):
    """Return the function that studies the trained network."""
    return lambda *more: ok("lesion", "--ckpt", net, *more)


def test_the_checkpoint_alone_is_enough_and_gives_what_the_library_gives(lesion, net, pets):
    rows = lesion("--json").json["rows"]
    checkpoint = resprobe.load(net)
    data = resprobe.Batches(resprobe.load_data(f"folder:{pets}"), checkpoint.normalisation)
    chain = resprobe.unravel(checkpoint.model, data.example())
    assert rows == rows_of(resprobe.lesion(chain, data, network="resnet8"))
    assert [row["lesion"] for row in rows] == ["intact", "delete:0", "delete:1", "delete:2"]


def test_the_meta_says_what_was_run(lesion, net, pets):
    meta = lesion("--json", "--images", "5", "--batch-size", "2", "--seed", "3").json["meta"]
    (network,) = meta["networks"]
    assert network["checkpoint_sha256"] == hashlib.sha256(net.read_bytes()).hexdigest()
    assert network["architecture"]["name"] == "resnet8"
    assert (network["network"], network["epoch"], network["plain"]) == ("resnet8", 1, False)
    assert {k: meta["data"][k] for k in ("data_set", "split", "n", "batch_size")} == {
        "data_set": "folder:pets", "split": "test", "n": 5, "batch_size": 2,
    }  # fmt: skip
    assert (meta["study"], meta["seed"], meta["device"]) == ("single", 3, "cpu")
    assert {"resprobe", "torch", "python", "command", "time"} <= meta.keys()


def test_the_text_says_the_same_as_the_rows(lesion):
    text = lesion().out
    for row in lesion("--json").json["rows"]:
        line = next(line for line in text.splitlines() if f" {row['lesion']} " in line)
        assert f"{row['correct']}/{row['n']} {row['accuracy']:.4f} [" in line
        assert line.endswith(f"{row['loss']:.4f}")
    assert text.endswith("In brackets: 95 % intervals (Wilson; paired with the intact network).\n")


def test_out_gets_csv_json_png_and_svg(lesion, tmp_path):
    ran = lesion("--json", "--out", "new/results")
    folder = tmp_path / "new" / "results"
    wanted = {f"lesion.{ending}" for ending in ("csv", "json", "png", "svg")}
    there = {path.name for path in folder.iterdir()}
    assert wanted <= there <= {*wanted, "lesion.parquet"}
    saved = Result.load(folder / "lesion.csv")
    assert rows_of(saved) == ran.json["rows"]
    assert saved.meta == ran.json["meta"]
    assert (folder / "lesion.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (folder / "lesion.svg").read_text()
    (note,) = ran.notes
    assert note.startswith("resprobe: saved ")
    assert all(f"new/results/{name}" in note for name in there)


def test_nothing_is_written_without_out(lesion, tmp_path):
    lesion("--json")
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_says_how_much_and_writes_nothing(lesion, tmp_path):
    said = lesion("--dry-run", "--out", "results").out
    wanted = r"resnet8: lesion: single; 12 images, 4 programs, 9 block evaluations per "
    assert re.match(
        wanted + r"image \(12 one by one, 1\.3x\); under 1 s, \d+ KiB of memory\n", said
    )
    found = lesion("--dry-run", "--json", "--images", "1").json
    (row,) = found["rows"]
    assert found["meta"]["dry_run"] is True
    assert (row["images"], row["programs"], row["block_evaluations"]) == (1, 4, 9)
    assert list(tmp_path.iterdir()) == []


def test_a_plain_network_lists_what_cannot_be_deleted(ok, trained):
    ran = ok("lesion", "--ckpt", trained / "plain8.pt")
    assert "Not deletable: 2 plain block(s) that change the shape and have no shortcut." in ran.out
    (line,) = (line for line in ran.out.splitlines() if "delete:1" in line)
    assert line.split()[-4:] == ["-"] * 4


def test_several_checkpoints_are_told_apart(ok, trained):
    files = [trained / f"{name}.pt" for name in ("resnet8", "plain8", "resnet8")]
    ran = ok("lesion", "--json", *(part for file in files for part in ("--ckpt", file)))
    names = ["resnet8#1", "plain8", "resnet8#2"]
    assert list(dict.fromkeys(row["network"] for row in ran.json["rows"])) == names
    assert [network["network"] for network in ran.json["meta"]["networks"]] == names
    first, second = (
        [{**row, "network": ""} for row in ran.json["rows"] if row["network"] == name]
        for name in ("resnet8#1", "resnet8#2")
    )
    assert first == second


@pytest.mark.parametrize("images", [(), ("--images", "10")])
def test_the_validation_split_is_the_one_that_training_held_out(ok, pets, images):
    ran = ok("train", "--arch", "resnet8", "--width", "2", "--epochs", "2", "--validation", "0.3",
             "--data", f"folder:{pets}", "--out", "net.pt", "--json", *images)  # fmt: skip
    best = min(ran.json["rows"], key=lambda row: row["validation_error"])
    ran = ok("lesion", "--ckpt", "net.pt", "--split", "validation", "--json")
    intact = ran.json["rows"][0]
    assert intact["n"] == best["validation_n"] == (3 if images else 5)
    assert intact["error"] == pytest.approx(best["validation_error"])
    # the same images one by one: only the order of the sum differs
    assert intact["loss"] == pytest.approx(best["validation_loss"], rel=1e-5)
    assert ran.json["meta"]["data"]["split"] == "validation"


def test_the_folder_of_a_moved_data_set_can_be_named(ok, net, pets, tmp_path):
    (tmp_path / "moved").symlink_to(pets)
    there = ok("lesion", "--ckpt", net, "--json", "--split", "validation").json["rows"]
    asked = ("--split", "validation", "--data", "folder:moved")
    assert ok("lesion", "--ckpt", net, "--json", *asked).json["rows"] == there


def test_a_foreign_checkpoint_says_in_a_line_what_was_recognised_and_assumed(ok, foreign, pets):
    ran = ok("lesion", "--ckpt", foreign, "--data", f"folder:{pets}", "--json")
    recognised, normalised = ran.notes
    assert recognised.startswith("resprobe: bare.pt: recognised torchvision's layout: resnet8, ")
    assumed = "assumed: residual, not plain (the same keys), and the data set's own normalisation"
    assert recognised.endswith(assumed)
    assert "folder:pets has no published normalisation: using the mean" in normalised
    (network,) = ran.json["meta"]["networks"]
    assert [f"resprobe: bare.pt: {line}" for line in network["notes"]] == [recognised]


def test_normalise_overrides_what_the_checkpoint_says(lesion):
    meta = lesion("--json", "--normalise", "0.5,0.5,0.5/0.25,0.25,0.25").json["meta"]
    assert meta["data"]["normalisation"] == {"mean": [0.5] * 3, "std": [0.25] * 3}


def test_an_architecture_alone_is_studied_untrained_on_the_embedded_data_and_says_so(ok):
    ran = ok("lesion", "--arch", "resnet8", "--width", "2", "--images", "20", "--json")
    assert ran.notes == [
        "resprobe: no --data given: using the embedded Fashion-MNIST subset",
        "resprobe: resnet8:width=2: at initialisation, seed 0, not trained",
    ]
    assert ran.json["meta"]["data"]["data_set"] == "fashion-mnist-subset"
    assert ran.json["meta"]["networks"][0]["checkpoint_sha256"] is None
