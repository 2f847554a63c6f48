"""The degradation experiment, and how experiments keep what they have done."""

import argparse

import pandas as pd
import pytest
from analyses.conftest import ANALYSES

import resprobe
from resprobe.datasets import Batches
from resprobe.errors import InputError, UsageError
from resprobe.results import Result
from resprobe.training import evaluate, recipes

ERRORS = ("train_error_eval", "train_error", "test_error")
RESULTS = ANALYSES / "results" / "degradation"


@pytest.fixture(scope="module")
def degradation(module):
    return module("degradation")


def results_of(**errors):
    """Results of runs whose every error is the one given, seed by seed."""
    rows = [
        {"name": name, "seed": seed, **dict.fromkeys(ERRORS, error)}
        for name, found in errors.items()
        for seed, error in enumerate(found)
    ]
    meta = {"setting": ["CIFAR-10, JPEG copies", "width 8"]}
    return {"runs": Result("degradation-runs", pd.DataFrame(rows), meta)}


def test_the_headline_is_the_training_error_of_plain_networks(degradation):
    found = list(
        degradation.claims(
            results_of(plain20=[0.1, 0.1, 0.1], plain56=[0.3, 0.31, 0.32],
                       resnet20=[0.1, 0.1, 0.1], resnet56=[0.05, 0.06, 0.07])
        )
    )  # fmt: skip
    assert "plain-56 is above plain-20 in training error, in eval mode" in found[0].claim
    assert (found[0].measured, found[0].n) == (pytest.approx(0.21), 3)
    assert [claim.verdict.value for claim in found] == ["reproduced"] * 6
    assert {claim.setting for claim in found} == {"CIFAR-10, JPEG copies; width 8"}


def test_a_deeper_residual_network_that_is_worse_speaks_against_the_claim(degradation):
    found = list(
        degradation.claims(results_of(plain20=[0.1], plain56=[0.3], resnet20=[0.1], resnet56=[0.2]))
    )
    assert [c.verdict.value for c in found] == ["same direction"] * 3 + ["not reproduced"] * 3


def test_what_is_kept_says_what_its_runs_say(degradation):
    runs, claims = (Result.load(RESULTS / f"{name}.csv") for name in ("runs", "claims"))
    found = list(degradation.claims({"runs": runs}))
    assert [c.claim for c in found] == claims.frame["claim"].tolist()
    assert [c.verdict.value for c in found] == claims.frame["verdict"].tolist()
    assert [c.measured for c in found] == pytest.approx(claims.frame["measured"].tolist())


@pytest.fixture(scope="module")
def experiment_of(module, tmp_path_factory):
    """Return the function that makes a tiny experiment in one folder."""
    folder, found = tmp_path_factory.mktemp("experiment"), module("kit.experiments")

    def make(*words, at=folder):
        parser = argparse.ArgumentParser()
        found.add_options(parser, ("plain8", "resnet8"), width=1, epochs=1, images=200)
        asked = parser.parse_args(["--data", "embedded", "--seeds", "0", *words])
        asked.tested, asked.parts, asked.device = 100, at / "parts", "cpu"
        return found.Experiment(recipe=recipes["small-budget"], asked=asked, test_curve=False)

    return make


@pytest.fixture(scope="module")
def part(experiment_of):
    """What is known of the one network that is trained."""
    (found,) = experiment_of("--train", "resnet8").parts()
    return found


def test_the_errors_are_those_of_the_last_weights_on_all_images(experiment_of, part):
    experiment = experiment_of()
    kept = resprobe.load(experiment.trainings[1].place("-last.pt"))
    for images, column in (
        (experiment.learnt, "train_error_eval"),
        (experiment.test, "test_error"),
    ):
        seen = evaluate(kept.model, Batches(images, kept.normalisation))
        assert seen.error == part.meta["end"][column]
    assert (len(experiment.learnt), len(experiment.test)) == (200, 100)
    assert part.meta["end"]["checkpoint_sha256"] == kept.sha256
    assert part.frame[["plain", "depth", "seed"]].to_numpy().tolist() == [[False, 8, 0]]
    assert part.meta["setting"] == [
        "fashion-mnist-subset: 200 learnt from, 100 tested on",
        "width 1 (published: 16)",
        "1 epoch (published: 10), recipe small-budget",
    ]


def test_what_is_there_is_neither_trained_nor_measured_again(
    experiment_of, part, module, monkeypatch
):
    def never(*_):
        raise AssertionError("again")

    monkeypatch.setattr(module("kit.trainings").Training, "train", never)
    monkeypatch.setattr(module("kit.trainings").Training, "measured", never)
    experiment = experiment_of("--collect")
    (again,) = experiment.parts()  # and nothing of plain8
    assert again.meta["end"]["validation_error"] is None  # nothing was held out
    again.meta["end"]["validation_error"] = part.meta["end"]["validation_error"]
    assert again.meta == part.meta
    _, runs, meta = module("kit.experiments").collected(experiment)
    assert runs["name"].tolist() == ["resnet8"]
    assert runs["validation_error"].isna().tolist() == [True]
    assert runs["validation_error"].dtype == float
    assert (meta["seed"], meta["setting"]) == ("0", part.meta["setting"])


def test_networks_that_are_not_asked_for_are_not_trained(experiment_of, part):
    assert part is not None
    assert len(experiment_of("--train", "resnet8").parts()) == 1
    assert [(one.name, one.seed) for one in experiment_of("--seeds", "3,1").trainings] == [
        ("plain8", 3), ("resnet8", 3), ("plain8", 1), ("resnet8", 1),
    ]  # fmt: skip


@pytest.mark.parametrize("more", [("--width", "2"), ("--epochs", "2")])
def test_another_training_than_that_of_the_part_is_refused(experiment_of, part, more):
    assert part is not None
    with pytest.raises(InputError, match=r"resnet8-seed0.json: another training than .*--out"):
        experiment_of("--collect", *more).parts()


def test_a_checkpoint_of_another_training_is_refused(experiment_of, part, tmp_path):
    assert part is not None
    runs = str(experiment_of().trainings[0].place().parent)
    other = experiment_of("--collect", "--runs", runs, "--images", "210", at=tmp_path)
    with pytest.raises(InputError, match=r"resnet8-seed0-last.pt: another training \(.*images"):
        other.parts()


def test_parts_of_several_settings_are_not_put_together(experiment_of, part, module, tmp_path):
    part.save_as(tmp_path / "parts" / "resnet8-seed0")
    end = {**part.meta["end"], "name": "plain8", "network": "plain8:width=1"}
    meta = {**part.meta, "setting": ["other images"], "end": end}
    Result(part.name, part.frame, meta).save_as(tmp_path / "parts" / "plain8-seed0")
    with pytest.raises(InputError, match="runs of several settings"):
        module("kit.experiments").collected(experiment_of("--collect", at=tmp_path))


def test_nothing_at_all_and_what_cannot_be_meant_are_told_in_a_sentence(
    experiment_of, module, tmp_path
):
    collected = module("kit.experiments").collected
    with pytest.raises(InputError, match="no run is complete; run without --collect"):
        collected(experiment_of("--collect", at=tmp_path))
    for words in (("--train", "plain21"), ("--seeds", "1-3")):
        with pytest.raises(UsageError, match="--train wants some of plain8,resnet8 and --seeds"):
            collected(experiment_of(*words))
