import pandas as pd
import pytest

import resprobe
from resprobe.statistics import wilson


@pytest.fixture
def train(ok, pets):
    """Return the function that trains a small network on the pets."""
    asked = ("train", "--arch", "resnet8", "--width", "2", "--data", f"folder:{pets}")
    return lambda *more: ok(*asked, *more)


def test_training_leaves_the_best_the_last_and_a_log(train, tmp_path):
    ran = train("--epochs", "2", "--out", "new/net.pt")
    folder = tmp_path / "new"
    assert {path.name for path in folder.iterdir()} == {"net.pt", "net-last.pt", "net.csv"}
    assert resprobe.load(folder / "net-last.pt").epoch == 2
    assert list(pd.read_csv(folder / "net.csv")["epoch"]) == [1, 2]
    lines = ran.out.splitlines()
    assert lines[-1] == "saved new/net.pt"
    assert lines[-2].startswith("test error of the kept checkpoint: 0.")
    assert lines[-2].endswith(" on 12 images")
    assert ran.err == ""


def test_the_checkpoint_says_how_it_came_about(train, pets):
    train("--epochs", "3", "--seed", "4", "--batch-size", "5", "--validation", "0.25",
          "--images", "12", "--recipe", "short", "--out", "net.pt")  # fmt: skip
    checkpoint = resprobe.load("net.pt")
    assert checkpoint.data == f"folder:{pets}"
    assert checkpoint.architecture == resprobe.Architecture("resnet8", num_classes=2, width=2)
    recipe = {k: checkpoint.recipe[k] for k in ("name", "batch_size", "images", "seed")}
    assert recipe == {"name": "short", "batch_size": 5, "images": 12, "seed": 4}
    assert checkpoint.recipe["validation_fraction"] == 0.25
    assert checkpoint.recipe["iterations"] == 6  # 9 images, 3 held out; 2 batches an epoch
    assert (checkpoint.figures["validation_n"], checkpoint.figures["test_n"]) == (3, 12)


def test_json_is_the_log_and_the_test_error_with_its_interval(train):
    found = train("--epochs", "2", "--out", "net.pt", "--json").json
    assert [row["epoch"] for row in found["rows"]] == [1, 2]
    (network,) = found["meta"]["networks"]
    test = network["test"]
    wrong = round(test["test_error"] * test["test_n"])
    assert (test["test_error_low"], test["test_error_high"]) == wilson(wrong, 12)
    assert network["checkpoint"] == "net.pt"


def test_images_limits_both_splits_but_not_the_test_split_beyond_what_it_has(train):
    test = train("--epochs", "1", "--images", "14", "--out", "a.pt", "--json").json
    assert test["meta"]["networks"][0]["test"]["test_n"] == 12
    test = train("--epochs", "1", "--images", "6", "--out", "b.pt", "--json").json
    assert test["meta"]["networks"][0]["test"]["test_n"] == 6
    assert test["rows"][0]["train_n"] + test["rows"][0]["validation_n"] == 6


def test_nothing_held_out_keeps_one_checkpoint(train, tmp_path):
    said = train("--epochs", "1", "--validation", "0", "--out", "net.pt").out
    assert {path.name for path in tmp_path.iterdir()} == {"net.pt", "net.csv"}
    assert said.splitlines()[1].split()[-4:-1] == ["-", "-", "0"]


def test_the_same_seed_gives_the_same_weights(train):
    for name, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        train("--epochs", "1", "--seed", seed, "--out", f"{name}.pt")
    a, b, c = (resprobe.load(f"{name}.pt").model.conv1.weight for name in "abc")
    assert a.equal(b)
    assert not a.equal(c)


def test_without_data_the_embedded_images_are_used_and_it_is_said(ok):
    asked = ("train", "--arch", "plain8", "--width", "2", "--epochs", "1", "--images", "20")
    ran = ok(*asked, "--out", "net.pt")
    assert ran.notes == ["resprobe: no --data given: using the embedded Fashion-MNIST subset"]
    checkpoint = resprobe.load("net.pt")
    assert (checkpoint.data, checkpoint.architecture.in_channels) == ("embedded", 1)


def test_a_dry_run_says_how_long_and_writes_nothing(train, tmp_path):
    asked = ("--epochs", "1000", "--batch-size", "4", "--out", "new/net.pt", "--dry-run")
    said = train(*asked).out
    wanted = "14 images to train on, 2 held out; 1,000 epochs, 4,000 iterations of batch 4"
    assert said.startswith(f"resnet8:width=2: {wanted}; about ")
    found = train(*asked, "--json").json
    (row,) = found["rows"]
    assert found["meta"]["dry_run"] is True
    assert (row["epochs"], row["iterations"], row["batch_size"]) == (1000, 4000, 4)
    assert row["duration_s"] > 0
    assert list(tmp_path.iterdir()) == []
