import dataclasses
import hashlib
import math
import re

import pandas as pd
import pytest
import torch

from resprobe.checkpoints import load
from resprobe.datasets import Batches, Normalisation
from resprobe.errors import InputError, ResprobeError, UsageError
from resprobe.networks import Architecture
from resprobe.results import plain_json
from resprobe.statistics import wilson
from resprobe.training import Evaluation, Pace, Recipe, evaluate, train
from resprobe.training.loop import Loop

COLUMNS = [
    "network", "epoch", "iteration", "learning_rate", "train_loss", "train_error", "train_n",
    "validation_loss", "validation_error", "validation_n", "test_loss", "test_error", "test_n",
    "duration_s",
]  # fmt: skip
FILES = ["net-last.pt", "net.csv", "net.json", "net.pt"]
QUICK = Recipe(name="quick", batch_size=16, learning_rate=0.05, pad=1, flip=False)


def weights(path):
    return load(path).model.state_dict()


def equal(first, second):
    return all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("name", ["resnet8", "plain8"])
def test_either_network_learns_to_tell_two_kinds_apart(two_kinds, tmp_path, name):
    architecture = Architecture(name, num_classes=2, in_channels=1, width=4)
    out, test = tmp_path / "net.pt", two_kinds(100, split="test", seed=9)

    result = train(architecture, two_kinds(200), recipe=QUICK, epochs=4, out=out, test=test)

    assert result.name == "train"
    assert result.frame["train_error"].iloc[-1] < 0.05
    assert result.frame["train_loss"].iloc[-1] < result.frame["train_loss"].iloc[0] / 2
    assert result.meta["networks"][0]["test"]["test_error"] < 0.15
    assert load(out).architecture == architecture


def test_the_frame_the_log_and_the_epochs_agree(two_kinds, tiny, tmp_path):
    result = train(tiny, two_kinds(100), recipe=QUICK, epochs=3, out=tmp_path / "net.pt")

    frame = result.frame
    assert list(frame.columns) == COLUMNS
    assert frame["network"].tolist() == [tiny.spec] * 3
    assert frame["epoch"].tolist() == [1, 2, 3]
    assert frame["iteration"].tolist() == [6, 12, 18]
    assert frame["learning_rate"].tolist() == pytest.approx([0.05, 0.005, 0.0005])
    assert frame["train_n"].tolist() == [90] * 3
    assert frame["validation_n"].tolist() == [10] * 3
    assert (frame["duration_s"] > 0).all()
    log = pd.read_csv(tmp_path / "net.csv")
    pd.testing.assert_frame_equal(log, frame, check_dtype=False, rtol=1e-12)
    saved = type(result).load(result.save(tmp_path / "result")[0])
    pd.testing.assert_frame_equal(saved.frame, frame)


@pytest.fixture
def scripted(monkeypatch):
    """Let the validation errors of a run be 2, 1, 1, 3 and 2 of 4, so that epoch 2 is the best."""
    wrong = iter([2, 1, 1, 3, 2])

    def told(loop, model, batches, *, between):
        if batches.data.split != "validation":
            return evaluate(model, batches)
        return Evaluation(loss=1.0, wrong=next(wrong), n=4)

    monkeypatch.setattr("resprobe.training.run.finite", told)


@pytest.mark.usefixtures("scripted")
def test_best_is_the_first_of_the_lowest_validation_errors_and_last_the_last(
    two_kinds, tiny, tmp_path
):
    result = train(tiny, two_kinds(40), recipe=QUICK, epochs=5, out=tmp_path / "net.pt")

    assert result.frame["validation_error"].tolist() == [0.5, 0.25, 0.25, 0.75, 0.5]
    best, last = load(tmp_path / "net.pt"), load(tmp_path / "net-last.pt")
    assert best.epoch == result.meta["networks"][0]["best_epoch"] == 2
    assert last.epoch == 5
    for kept in (best, last):
        row = result.frame.iloc[kept.epoch - 1]
        figures = [name for name in COLUMNS if name.startswith(("train_", "validation_"))]
        assert kept.figures == {name: row[name] for name in figures}
    assert not equal(best.model.state_dict(), last.model.state_dict())


def test_a_kept_network_reproduces_the_validation_figures_written_in_it(two_kinds, tiny, tmp_path):
    data = two_kinds(100)
    train(tiny, data, recipe=QUICK, epochs=2, out=tmp_path / "net.pt")

    kept = load(tmp_path / "net.pt")
    _, held_out = data.holdout(kept.recipe["validation_fraction"], seed=kept.split_seed)
    seen = evaluate(kept.model, Batches(held_out, kept.normalisation))

    assert seen.error == kept.figures["validation_error"]
    assert seen.loss == pytest.approx(kept.figures["validation_loss"], rel=1e-5)


def test_the_checkpoint_says_how_it_came_about(two_kinds, tiny, half, tmp_path):
    out = tmp_path / "net.pt"
    result = train(tiny, two_kinds(40), recipe=QUICK, epochs=1, out=out, seed=7, normalisation=half)

    checkpoint = load(out)
    assert checkpoint.normalisation == half
    assert checkpoint.data == "folder:stripes"
    assert checkpoint.split_seed == 0
    assert (checkpoint.recipe["seed"], checkpoint.recipe["images"]) == (7, 40)
    recipe = {name: checkpoint.recipe[name] for name in QUICK.to_dict()}
    assert Recipe.from_dict(recipe) == QUICK.for_run(36, epochs=1)
    meta = result.meta
    (network,), images = meta["networks"], meta["data"]
    assert (
        network["checkpoint_sha256"]
        == checkpoint.sha256
        == hashlib.sha256(out.read_bytes()).hexdigest()
    )
    assert meta["seed"] == 7
    assert network["network"] == tiny.spec
    assert network["architecture"] == tiny.to_dict()
    assert network["parameters"] == sum(p.numel() for p in checkpoint.model.parameters())
    assert images == {
        "data_set": "stripes",
        "spec": "folder:stripes",
        "digest": two_kinds(40).digest,
        "split": "train",
        "n": 36,
        "validation_n": 4,
        "normalisation": half.to_dict(),
        "batch_size": QUICK.batch_size,
    }
    assert meta["device"] == "cpu"
    assert meta["recipe"]["name"] == "quick"
    assert network["test"] == {}
    assert {"resprobe", "torch", "python", "time", "command"} <= set(meta)
    plain_json(meta)


@pytest.mark.usefixtures("scripted")
def test_the_test_images_are_looked_at_once_with_the_kept_weights(two_kinds, tiny, tmp_path):
    out, test = tmp_path / "net.pt", two_kinds(31, split="test", seed=9)
    at_epoch = {}

    def watch(progress):
        if progress.epoch == 3:
            at_epoch.setdefault(2, weights(out))

    result = train(tiny, two_kinds(40), recipe=QUICK, epochs=5, out=out, test=test,
                   pace=Pace(progress=watch))  # fmt: skip

    kept = load(out)
    seen = evaluate(kept.model, Batches(test, kept.normalisation))
    low, high = wilson(seen.wrong, 31)
    assert kept.epoch == 2
    assert equal(kept.model.state_dict(), at_epoch[2])
    assert kept.figures["test_error"] == seen.error
    assert (kept.figures["test_error_low"], kept.figures["test_error_high"]) == (low, high)
    assert kept.figures["test_n"] == 31
    assert kept.figures["validation_error"] == 0.25
    assert {name: kept.figures[name] for name in result.meta["networks"][0]["test"]} == result.meta[
        "networks"
    ][0]["test"]
    assert "test_error" not in load(tmp_path / "net-last.pt").figures
    assert result.meta["networks"][0]["checkpoint_sha256"] == kept.sha256


def test_without_validation_the_checkpoint_is_the_last(two_kinds, tiny, tmp_path):
    recipe = dataclasses.replace(QUICK, validation_fraction=0.0)
    result = train(tiny, two_kinds(40), recipe=recipe, epochs=3, out=tmp_path / "net.pt")

    checkpoint = load(tmp_path / "net.pt")
    assert checkpoint.epoch == 3
    assert checkpoint.split_seed is None
    assert set(checkpoint.figures) == {"train_loss", "train_error", "train_n"}
    assert result.frame["validation_loss"].isna().all()
    assert result.frame["validation_n"].tolist() == [0, 0, 0]
    assert result.frame["train_n"].tolist() == [40] * 3
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES


def test_validation_images_are_never_learnt_from(two_kinds, tiny, tmp_path, monkeypatch):
    data = two_kinds(50)
    learnt, held_out = data.holdout(0.2, seed=0)
    seen, step = [], Loop.step

    def spy(loop, x, y, *, of):
        seen.append(x.clone())
        step(loop, x, y, of=of)

    monkeypatch.setattr(Loop, "step", spy)
    recipe = dataclasses.replace(QUICK, validation_fraction=0.2, pad=0, flip=False)
    identity = Normalisation((0.0,), (1 / 255,))
    train(tiny, data, recipe=recipe, epochs=1, out=tmp_path / "net.pt", normalisation=identity)

    def as_bytes(images):
        return sorted(image.contiguous().numpy().tobytes() for image in images)

    images = as_bytes(torch.cat(seen).round().to(torch.uint8))
    assert images == as_bytes(learnt.images)
    assert not set(images) & set(as_bytes(held_out.images))


def test_the_same_seed_gives_the_same_weights_bit_for_bit(two_kinds, tiny, tmp_path):
    data = two_kinds(60)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(tiny, data, recipe=QUICK, epochs=2, out=tmp_path / f"{name}.pt", seed=seed)
    first = weights(tmp_path / "a-last.pt")
    assert equal(first, weights(tmp_path / "b-last.pt"))
    assert not equal(first, weights(tmp_path / "c-last.pt"))


def test_global_state_is_left_alone(two_kinds, tiny, tmp_path):
    torch.manual_seed(11)
    before = torch.get_rng_state()
    train(tiny, two_kinds(40), recipe=QUICK, epochs=1, out=tmp_path / "net.pt")
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.is_grad_enabled()


def test_the_normalisation_is_the_given_one_else_the_datas_else_the_measured(
    two_kinds, tiny, half, tmp_path
):
    other = Normalisation((0.1,), (0.2,))

    def used(data, normalisation):
        train(
            tiny,
            data,
            recipe=QUICK,
            epochs=1,
            out=tmp_path / "n.pt",
            normalisation=normalisation,
            overwrite=True,
        )
        return load(tmp_path / "n.pt").normalisation

    published = two_kinds(40, normalisation=half)
    assert used(published, other) == other
    assert used(published, None) == half
    learnt, _ = two_kinds(40).holdout(0.1, seed=0)
    assert used(two_kinds(40), None) == Normalisation.measured(learnt.images)


def test_a_run_that_diverges_says_so_and_keeps_no_broken_network(two_kinds, tiny, tmp_path):
    wild = dataclasses.replace(QUICK, learning_rate=1000.0, momentum=0.99)
    with pytest.raises(ResprobeError, match=r"training diverged: .*lower the learning rate"):
        train(tiny, two_kinds(100), recipe=wild, epochs=33, out=tmp_path / "net.pt")
    for path in tmp_path.glob("*.pt"):
        assert all(math.isfinite(float(value.sum())) for value in weights(path).values()), (
            "load refuses anything else"
        )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_classes": 3}, "stripes has 2 classes and resnet8 3 outputs"),
        ({"in_channels": 3}, "stripes has images of 1 channels and resnet8 takes 3"),
    ],
)
def test_data_that_do_not_fit_the_network_are_refused(two_kinds, tiny, tmp_path, changes, message):
    architecture = dataclasses.replace(tiny, **changes)
    with pytest.raises(InputError, match=message):
        train(architecture, two_kinds(40), recipe=QUICK, out=tmp_path / "net.pt")
    assert list(tmp_path.iterdir()) == []


def test_the_test_curve_decides_nothing(two_kinds, tiny, tmp_path):
    data, test = two_kinds(60), two_kinds(31, split="test", seed=9)
    facts = {"recipe": QUICK, "epochs": 3, "test": test}
    plain = train(tiny, data, out=tmp_path / "a.pt", **facts)
    curve = train(tiny, data, out=tmp_path / "b.pt", test_curve=True, **facts)
    assert plain.frame["test_error"].isna().all()
    assert curve.frame["test_n"].tolist() == [31] * 3
    same = [name for name in COLUMNS if not name.startswith(("test_", "duration"))]
    pd.testing.assert_frame_equal(plain.frame[same], curve.frame[same])
    (network,) = curve.meta["networks"]
    at_best = curve.frame["test_error"][network["best_epoch"] - 1]
    assert network["test"]["test_error"] == at_best


def test_what_cannot_be_meant_is_refused_before_the_work(two_kinds, tiny, half, tmp_path):
    data, out = two_kinds(40), tmp_path / "net.pt"
    strange = dataclasses.replace(two_kinds(8, split="test"), classes=("left", "right"))
    colours = Normalisation((0.5,) * 3, (0.5,) * 3)
    (tmp_path / "file").write_text("in the way")
    for error, message, given in [
        (UsageError, "seed must be at least 0; got -1", {"seed": -1}),
        (UsageError, "epochs must be at least 1", {"epochs": 0}),
        (UsageError, "a folder; name the checkpoint's file", {"out": tmp_path}),
        (UsageError, r"name ends in \.pt, .*choose such as net\.pt", {"out": "net.csv"}),
        (UsageError, r"choose such as run\.lr0\.1\.pt", {"out": "run.lr0.1"}),
        (UsageError, "--resume and --overwrite", {"resume": True, "overwrite": True}),
        (ResprobeError, "choose another", {"out": tmp_path / "file" / "net.pt"}),
        (InputError, "differ from the training images", {"test": strange}),
        (InputError, "is for 3", {"normalisation": colours}),
        (
            InputError,
            "held out of 2 includes none of class 'bright'",
            {"data": data.take(torch.arange(2))},
        ),
        (InputError, "1 image to train on", {"data": data.take(torch.tensor([0]))}),
    ]:
        facts = {"data": data, "out": out, **given}
        with pytest.raises(error, match=message):
            train(tiny, facts.pop("data"), recipe=QUICK, **facts)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_output_folder_is_made(two_kinds, tiny, tmp_path):
    out = tmp_path / "runs" / "today" / "net.pt"
    train(tiny, two_kinds(20), recipe=QUICK, epochs=1, out=out)
    assert sorted(path.name for path in out.parent.iterdir()) == FILES


def test_training_prints_nothing(two_kinds, tiny, tmp_path, capsys):
    train(tiny, two_kinds(20), recipe=QUICK, epochs=1, out=tmp_path / "net.pt")
    assert re.fullmatch("", "".join(capsys.readouterr()))
