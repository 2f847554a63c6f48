import statistics

import pandas as pd
import pytest

import resprobe
from resprobe.statistics import wilson

FILES = {"net.pt", "net-last.pt", "net.csv", "net.json"}


@pytest.fixture
def train(ok, pets):
    """Return the function that trains a small network on the pets."""
    asked = ("train", "--arch", "resnet8", "--width", "2", "--data", f"folder:{pets}")
    return lambda *more: ok(*asked, "--validation", "0.25", *more)


def test_training_leaves_the_best_the_last_and_a_log(train, tmp_path):
    ran = train("--epochs", "2", "--out", "new/net.pt")
    folder = tmp_path / "new"
    assert {path.name for path in folder.iterdir()} == FILES
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
    assert {path.name for path in tmp_path.iterdir()} == FILES
    assert said.splitlines()[1].split()[-4:-1] == ["-", "-", "0"]


def test_the_same_seed_gives_the_same_weights(train):
    for name, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        train("--epochs", "1", "--seed", seed, "--out", f"{name}.pt")
    a, b, c = (resprobe.load(f"{name}.pt").model.conv1.weight for name in "abc")
    assert a.equal(b)
    assert not a.equal(c)


def test_without_data_the_embedded_images_are_used_and_it_is_said(ok):
    asked = ("train", "--arch", "plain8", "--width", "2", "--epochs", "1", "--images", "400")
    ran = ok(*asked, "--out", "net.pt")
    assert ran.notes == ["resprobe: no --data given: using the embedded Fashion-MNIST subset"]
    checkpoint = resprobe.load("net.pt")
    assert (checkpoint.data, checkpoint.architecture.in_channels) == ("embedded", 1)


def test_a_dry_run_says_how_long_and_writes_nothing(train, tmp_path):
    asked = ("--epochs", "1000", "--batch-size", "4", "--out", "new/net.pt", "--dry-run")
    said = train(*asked).out
    wanted = "12 images to train on, 4 held out; 1,000 epochs, 3,000 iterations of batch 4"
    assert said.startswith(f"resnet8:width=2: {wanted}; about ")
    found = train(*asked, "--json").json
    (row,) = found["rows"]
    assert found["meta"]["dry_run"] is True
    assert (row["epochs"], row["iterations"], row["batch_size"]) == (1000, 3000, 4)
    assert row["duration_s"] > 0
    assert list(tmp_path.iterdir()) == []


def test_a_complete_run_is_shown_again_by_resume(train):
    first = train("--epochs", "2", "--out", "net.pt").out
    again = train("--epochs", "2", "--out", "net.pt", "--resume")
    assert again.out == first
    assert again.notes == ["resprobe: going on from net-last.pt, iteration 2 of 2"]


def test_the_recipe_can_be_changed_number_by_number(train, tmp_path):
    (tmp_path / "mine.toml").write_text('base = "short"\nname = "mine"\nweight_decay = 0.001\n')
    train("--recipe", "mine.toml", "--set", "learning_rate=0.02", "--set", "pad=1",
          "--epochs", "1", "--out", "net.pt")  # fmt: skip
    recipe = resprobe.load("net.pt").recipe
    wanted = {"name": "mine", "weight_decay": 0.001, "learning_rate": 0.02, "pad": 1}
    assert {name: recipe[name] for name in wanted} == wanted
    assert recipe["nesterov"] is True  # of the base


def test_several_seeds_give_a_mean_and_an_interval(train, tmp_path):
    asked = ("--epochs", "2", "--seed", "3", "--seeds", "3", "--out", "new/net.pt")
    found = train(*asked, "--json").json
    assert [row["seed"] for row in found["rows"]] == [3, 4, 5]
    (row,) = [row for row in found["spread"] if row["figure"] == "test_error"]
    errors = [row["test_error"] for row in found["rows"]]
    assert row["n"] == 3
    assert row["mean"] == pytest.approx(statistics.mean(errors))
    assert row["sd"] == pytest.approx(statistics.stdev(errors))
    half = 4.302653 * statistics.stdev(errors) / 3**0.5  # Student's t of 2 degrees of freedom
    assert row["low"] == pytest.approx(statistics.mean(errors) - half, rel=1e-5)
    assert row["high"] == pytest.approx(statistics.mean(errors) + half, rel=1e-5)
    assert len(found["epochs"]) == 6
    alone = train("--epochs", "2", "--seed", "4", "--out", "alone.pt", "--json").json
    assert alone["rows"][-1]["train_error"] == found["rows"][1]["train_error"]
    names = {path.name for path in (tmp_path / "new").iterdir()}
    assert {"net-seeds.csv", "net-seeds.json", "net-seed5.pt", "net-seed5-last.pt"} <= names
    said = train(*asked, "--resume").out
    assert said.splitlines()[-3].split() == ["test_error", "3", *(
        f"{row[name]:.4f}" for name in ("mean", "sd", "low", "high"))]  # fmt: skip


def test_the_test_curve_is_a_column(train):
    rows = train("--epochs", "2", "--test-curve", "--out", "net.pt", "--json").json["rows"]
    assert [row["test_n"] for row in rows] == [12, 12]
    assert "test_error" in train("--epochs", "2", "--test-curve", "--out", "net.pt", "--resume").out
