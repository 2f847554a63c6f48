"""A survey makes what applies, says why it leaves the rest, and goes on where it stopped."""

from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import pytest
import torch

from resprobe import Architecture, Batches, load_data, unravel
from resprobe.checkpoints import Checkpoint
from resprobe.errors import InputError
from resprobe.results import Result
from resprobe.surveys import Counts, plan_survey, read_results, survey, write_index
from resprobe.surveys import studies as made_of

ALL = {"lesion", "paths", "magnitude", "gradflow", "readout"}


def subject(name="resnet8", *, labelled=True, **data):
    images = load_data("embedded").subset(data.pop("n", 6))
    if not labelled:
        images = replace(images, classes=(), labels=torch.full_like(images.labels, -1))
    batches = Batches(images, images.normalisation)
    model = Architecture(name, in_channels=1, width=2).build(seed=data.pop("seed", 0))
    return unravel(model, batches.example()), batches


def fit():
    images = load_data("embedded", split="train").subset(12)
    return Batches(images, images.normalisation)


def index(results):
    return results[-1].frame.set_index("study")


def test_a_residual_network_gets_every_analysis():
    chain, data = subject()
    found = survey(chain, data, fit=fit(), network="r")
    assert set(index(found).query("done").index) == ALL
    assert [result.name for result in found] == [
        "blocks", "lesion", "paths", "magnitude", "magnitude-responses", "gradflow",
        "gradflow-weights", "readout", "readout-decisions", "readout-borderline", "survey",
    ]  # fmt: skip
    assert all(set(result.frame["network"]) == {"r"} for result in found)
    assert index(found).loc["train", "reason"] == "no checkpoint of ours says how it was trained"


def test_what_does_not_apply_is_left_out_with_the_reason():
    said = []
    rows = index(survey(*subject("plain8"), network="p", say=said.append))
    assert not rows.loc["paths", "done"]
    assert rows.loc["paths", "reason"].startswith("a plain network has no shortcuts")
    assert any(line.startswith("p: paths is left out: a plain network") for line in said)
    rows = index(survey(*subject(), trained=False))
    assert set(rows.query("done").index) == {"magnitude", "gradflow"}
    assert "running statistics, which mean nothing at initialisation" in rows.loc["paths", "reason"]


def test_images_without_labels_leave_what_needs_none():
    rows = index(survey(*subject(labelled=False)))
    assert set(rows.query("done").index) == {"lesion", "magnitude"}
    assert rows.loc["gradflow", "reason"] == rows.loc["readout", "reason"]
    assert "goes by the labels" in rows.loc["readout", "reason"]


def test_each_analysis_looks_at_as_many_images_as_it_should():
    counts = Counts(paths=2, gradflow=3, magnitude=100)
    rows = index(survey(*subject(), counts=counts))
    assert rows.loc[["lesion", "paths", "gradflow", "magnitude"], "n"].to_list() == [6, 2, 3, 6]


def test_new_networks_use_the_statistics_of_the_batch_and_trained_ones_running_ones():
    for trained, kind in ((True, "running"), (False, "batch")):
        flow = next(r for r in survey(*subject(), trained=trained) if r.name == "gradflow")
        assert flow.meta["batch_norm"] == kind


@pytest.fixture
def counted(monkeypatch):
    """Put analyses that only count in place of the real ones, and return what is made."""
    calls = []

    def counting(study):
        def measure(sitter, shown, chain, *, network, **named):
            calls.append(study.name)
            frame = pd.DataFrame({"network": [network], "n": [shown.n], "third": [1 / 3]})
            return [Result(kind, frame, {"study": study.name}) for kind in study.kinds]

        return replace(study, measure=measure)

    counting_all = tuple(counting(study) for study in made_of.STUDIES)
    monkeypatch.setattr("resprobe.surveys.making.STUDIES", counting_all)
    return calls


def test_what_is_complete_is_read_and_gives_the_same(tmp_path, counted):
    chain, data = subject()
    first = survey(chain, data, network="r", keep=tmp_path)
    assert set(counted) == ALL
    counted.clear()
    again = survey(chain, data, network="r", keep=tmp_path)
    assert counted == []
    for one, two in zip(first, again, strict=True):
        pd.testing.assert_frame_equal(one.frame, two.frame)


def test_an_interrupted_survey_goes_on_with_what_is_missing(tmp_path, counted):
    chain, data = subject()
    survey(chain, data, network="r", keep=tmp_path)
    counted.clear()
    (tmp_path / "gradflow-weights.csv").unlink()
    (tmp_path / "paths.json").write_text("{")
    survey(chain, data, network="r", keep=tmp_path)
    assert counted == ["paths", "gradflow"]


@pytest.mark.parametrize(
    "other",
    [{"seed": 1}, {"n": 5}, {"network": "other"}, {"study_seed": 1}, {"about": {"x": 1}}],
    ids=str,
)
def test_what_is_of_another_network_data_or_seed_is_measured_anew(tmp_path, counted, other):
    survey(*subject(), network="r", keep=tmp_path)
    counted.clear()
    said = []
    named = {"network": other.pop("network", "r"), "seed": other.pop("study_seed", 0)}
    about = other.pop("about", None)
    survey(*subject(**other), **named, about=about, keep=tmp_path, say=said.append)
    assert set(counted) == ALL
    assert any("of another network, data, seed or version; measured anew" in line for line in said)


def test_what_no_longer_applies_is_taken_away_and_what_is_not_the_surveys_stays(tmp_path, counted):
    survey(*subject(), network="r", keep=tmp_path)
    own = Result("magnitude-mine", pd.DataFrame({"network": ["r"]}))
    own.save(tmp_path)
    Result("train", pd.DataFrame({"network": ["r"]})).save(tmp_path)  # not of this folder's survey
    survey(*subject(), network="r", trained=False, keep=tmp_path)
    kept = {path.stem for path in tmp_path.glob("*.csv")}
    assert {"paths", "lesion", "readout", "readout-decisions"}.isdisjoint(kept)
    assert {"magnitude", "gradflow", "magnitude-mine", "train"} <= kept


def test_a_survey_that_is_interrupted_leaves_nothing_of_another_network(
    tmp_path, counted, monkeypatch
):
    survey(*subject(), network="r", keep=tmp_path)

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    first = replace(made_of.STUDIES[0], measure=interrupted)
    monkeypatch.setattr("resprobe.surveys.making.STUDIES", (first, *made_of.STUDIES[1:]))
    with pytest.raises(KeyboardInterrupt):
        survey(*subject(seed=1), network="r", keep=tmp_path)
    assert {path.stem for path in tmp_path.glob("*.json")} == {"blocks"}


def test_a_result_of_another_version_is_measured_anew(tmp_path, counted):
    chain, data = subject()
    survey(chain, data, network="r", keep=tmp_path)
    counted.clear()
    notes = json.loads((tmp_path / "gradflow.json").read_text())
    (tmp_path / "gradflow.json").write_text(json.dumps({**notes, "format": 99}))
    said = []
    survey(chain, data, network="r", keep=tmp_path, say=said.append)
    assert counted == ["gradflow"]
    assert any("result format 99" in line for line in said)


def checkpoint(tmp_path, sha="a" * 64, logged="a" * 64, **more):
    path = tmp_path / "r8.pt"
    row = {"network": "resnet8", "epoch": 1, "train_error": 0.5, "train_n": 90}
    frame = pd.DataFrame([{**row, "validation_error": 0.4, "validation_n": 10}])
    meta = {"networks": [{"network": "resnet8", "checkpoint_sha256": logged}]}
    Result("train", frame, meta).save_as(tmp_path / "r8")
    return Checkpoint(
        model=torch.nn.Identity(), architecture=Architecture("resnet8"), path=path, sha256=sha,
        recipe={"name": "short", "milestones": [], "warm_up_depth": None, "flip": True,
                "short_side": [256, 480]},
        epoch=7, data="embedded", **more,
    )  # fmt: skip


def test_the_recipe_and_the_log_beside_a_checkpoint_are_told(tmp_path):
    chain, data = subject()
    found = survey(chain, data, network="mine", checkpoint=checkpoint(tmp_path))
    named = {result.name: result.frame for result in found}
    assert named["train"]["network"].to_list() == ["mine"]
    assert index(found).loc["train", ["done", "n"]].to_list() == [True, 90]
    recipe = named["recipe"].set_index("setting")["value"].to_dict()
    assert recipe == {"data": "embedded", "epoch": "7", "name": "short", "flip": "yes",
                      "short side": "256, 480"}  # fmt: skip


def test_a_log_of_other_weights_is_not_shown_as_theirs(tmp_path):
    found = survey(*subject(), checkpoint=checkpoint(tmp_path, logged="b" * 64))
    assert "train" not in [result.name for result in found]
    assert index(found).loc["train", "reason"] == "r8.csv beside it is not the log of these weights"


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda folder: (folder / "r8.json").unlink(), "there is no log of its training (r8.csv)"),
        (lambda folder: (folder / "r8.json").write_text("{"), "the log beside it cannot be read"),
    ],
)
def test_a_log_that_is_missing_or_damaged_is_said(tmp_path, spoil, reason):
    kept = checkpoint(tmp_path)
    spoil(tmp_path)
    assert index(survey(*subject(), checkpoint=kept)).loc["train", "reason"].startswith(reason)


def test_images_that_the_network_does_not_take_are_refused():
    chain, data = subject()
    other = replace(data, image_size=20)
    with pytest.raises(InputError, match="unravel the model with an example of these images"):
        survey(chain, other)


def test_a_network_that_no_analysis_applies_to_is_an_error(monkeypatch):
    none = tuple(replace(s, why_not=lambda _: "it is not") for s in made_of.STUDIES)
    monkeypatch.setattr("resprobe.surveys.making.STUDIES", none)
    with pytest.raises(InputError, match="r: no analysis applies: it is not"):
        survey(*subject(), network="r")


def test_the_plan_has_what_would_be_made():
    plans = plan_survey(*subject("plain8"))
    said = [plan.study.partition(":")[0] for plan in plans]
    assert len(said) == 4
    assert said[0] == "lesion"
    assert "gradflow" in said
    assert not any("path" in name for name in said)
    assert all(plan.images == 6 for plan in plans)


def test_a_survey_leaves_the_model_as_it_found_it(model_state):
    chain, data = subject()
    before = model_state(chain)
    survey(chain, data)
    assert model_state(chain) == before


def surveyed(folder):
    parts = []
    for network, name in (("b", "resnet8"), ("a", "plain8")):
        parts.append(survey(*subject(name), network=network, keep=folder / network))
    write_index(folder, parts)
    return [result for part in parts for result in part]


def test_a_folder_gives_back_what_was_measured_in_the_order_of_its_index(tmp_path):
    wanted = [r for r in surveyed(tmp_path) if r.name != "survey"]
    *found, last = read_results(tmp_path)
    assert list(last.frame["network"].unique()) == ["b", "a"]
    assert sorted((str(r.frame["network"][0]), r.name) for r in found) == sorted(
        (str(r.frame["network"][0]), r.name) for r in wanted
    )
    assert list(dict.fromkeys(str(r.frame["network"][0]) for r in found)) == ["b", "a"]


def test_results_of_other_networks_in_the_folder_are_left_out_and_said(tmp_path):
    surveyed(tmp_path)
    (tmp_path / "c").mkdir()
    Result("lesion", pd.DataFrame({"network": ["c"]})).save_as(tmp_path / "c" / "lesion")
    said = []
    found = read_results(tmp_path, say=said.append)
    assert not any("c" in set(result.frame["network"]) for result in found)
    assert len(said) == 1
    assert "of a network that" in said[0]


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no result"):
        read_results(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        read_results(tmp_path / "none")
