"""A run that was interrupted ends as one that never was, bit for bit."""

import contextlib
import dataclasses
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from training.small_run import (
    EPOCHS,
    NETWORK,
    RECIPE,
    SEED,
    STEPS,
    Killed,
    assert_same,
    at_steps,
    trained,
)

from resprobe.checkpoints import load, save
from resprobe.errors import UsageError
from resprobe.training import Pace, Stopped, train


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(cuts=st.lists(st.tuples(st.integers(1, STEPS), st.booleans()), max_size=3))
def test_any_interruptions_leave_no_trace(data, whole, tmp_path_factory, cuts):
    folder = tmp_path_factory.mktemp("cut")
    for step, killed in cuts:
        pace = at_steps(step, raises=Killed if killed else None)
        with contextlib.suppress(Killed, Stopped):
            trained(data, folder / "net.pt", resume=True, pace=pace)
    assert_same(trained(data, folder / "net.pt", resume=True), whole, folder)


@pytest.mark.parametrize("step", [1, 3, 4, STEPS])
def test_a_stop_saves_where_it_is(data, whole, tmp_path, step):
    out = tmp_path / "net.pt"
    with pytest.raises(Stopped, match=rf"stopped after iteration {step} of 9; .*--resume"):
        trained(data, out, pace=at_steps(step))
    assert load(tmp_path / "net-last.pt").state["loop"]["iteration"] == step
    said = []
    result = trained(data, out, resume=True, say=said.append)
    assert said == [f"going on from {tmp_path / 'net-last.pt'}, iteration {step} of 9"]
    assert result.meta["resumed_at"] == step
    assert_same(result, whole, tmp_path)


def test_a_stop_during_an_evaluation_goes_on_with_the_evaluation(data, whole, tmp_path):
    calls = []

    def stop():
        calls.append(1)
        return len(calls) == 4  # three steps, then a batch of the images held out

    with pytest.raises(Stopped, match="iteration 3 of 9"):
        trained(data, tmp_path / "net.pt", pace=Pace(stop=stop))
    assert not (tmp_path / "net.csv").exists()
    assert_same(trained(data, tmp_path / "net.pt", resume=True), whole, tmp_path)


def test_the_state_is_saved_within_an_epoch_too(data, whole, tmp_path):
    pace = at_steps(5, raises=Killed)
    pace = dataclasses.replace(pace, save_every_s=0.0)
    with pytest.raises(Killed):
        trained(data, tmp_path / "net.pt", pace=pace)
    assert load(tmp_path / "net-last.pt").state["loop"]["iteration"] == 4
    assert load(tmp_path / "net-previous.pt").state["loop"]["iteration"] == 3
    assert_same(trained(data, tmp_path / "net.pt", resume=True), whole, tmp_path)


@pytest.mark.parametrize("target", ["net-last.pt", "net.pt", "net.csv", "net.json"])
@pytest.mark.parametrize("epoch", [1, 2])
def test_a_death_while_a_file_is_written_leaves_no_trace(
    data, whole, tmp_path, monkeypatch, target, epoch
):
    """Killed right before the new file takes the old one's place, in each of the files."""
    replace, count = Path.replace, []

    def dying(self, other):
        if Path(other).name == target:
            count.append(1)
            if len(count) == epoch:
                raise Killed
        return replace(self, other)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", dying)
        with pytest.raises(Killed):
            trained(data, tmp_path / "net.pt")
    assert_same(trained(data, tmp_path / "net.pt", resume=True), whole, tmp_path)


def test_a_complete_run_is_resumed_without_a_step(data, whole, tmp_path):
    trained(data, tmp_path / "net.pt")
    pace = at_steps(*range(1, STEPS + 1), raises=AssertionError("a step"))
    again = trained(data, tmp_path / "net.pt", resume=True, pace=pace)
    assert_same(again, whole, tmp_path)


def rewritten(path, **changes):
    """Save a checkpoint again, some of it changed."""
    kept = load(path)
    told = {
        name: getattr(kept, name)
        for name in (
            "architecture",
            "normalisation",
            "data",
            "split_seed",
            "epoch",
            "recipe",
            "figures",
        )
    }
    save(path, kept.model, **{**told, **changes})


def test_a_best_network_whose_test_loss_was_rounded_otherwise_is_of_this_run(
    data, whole, tmp_path
):  # the test images are seen after its epoch and again at the end, by other kernels
    trained(data, tmp_path / "net.pt", test=data, test_curve=True)
    figures = load(tmp_path / "net.pt").figures
    rewritten(
        tmp_path / "net.pt", figures={**figures, "test_loss": figures["test_loss"] * (1 + 1e-7)}
    )
    trained(data, tmp_path / "net.pt", test=data, test_curve=True, resume=True)


def test_a_best_network_from_before_a_field_of_recipes_is_of_this_run(data, whole, tmp_path):
    trained(data, tmp_path / "net.pt")
    recipe = load(tmp_path / "net.pt").recipe
    rewritten(tmp_path / "net.pt", recipe={k: v for k, v in recipe.items() if k != "optimiser"})
    assert_same(trained(data, tmp_path / "net.pt", resume=True), whole, tmp_path)


def test_resume_begins_where_there_is_no_run(data, whole, tmp_path):
    said = []
    result = trained(data, tmp_path / "net.pt", resume=True, say=said.append)
    assert said == [f"{tmp_path / 'net.pt'}: no run there yet to go on with, so it begins"]
    assert_same(result, whole, tmp_path)


def test_another_run_is_not_gone_on_with(data, tmp_path):
    with pytest.raises(Stopped):
        trained(data, tmp_path / "net.pt", pace=at_steps(2))
    other = dataclasses.replace(RECIPE, learning_rate=0.1)
    for message, changes in [
        ("its recipe has learning_rate = 0.05, and not 0.1", {"recipe": other}),
        (r"its recipe has iterations = 9 \(--epochs\), and not 12", {"epochs": 4}),
        ("a training with seed 1, and not 4", {"seed": 4}),
        ("a training on 32 images of stripes, and not on these 24 of stripes", {}),
    ]:
        images = data.subset(24) if not changes else data
        with pytest.raises(UsageError, match=message):
            trained(images, tmp_path / "net.pt", resume=True, **changes)
    with pytest.raises(UsageError, match=r"of resnet8:width=2:survival=0\.6, and not of plain8"):
        train(
            dataclasses.replace(NETWORK, name="plain8", shortcut=None, survival=1.0),
            data,
            recipe=RECIPE,
            epochs=EPOCHS,
            seed=SEED,
            out=tmp_path / "net.pt",
            resume=True,
        )


def test_a_stop_while_the_test_images_are_seen_is_one(data, two_kinds, tmp_path):
    test, calls = two_kinds(12, split="test"), []

    def stop():
        calls.append(1)
        return len(calls) == STEPS + EPOCHS + 1  # steps, validation batches, and then the test

    with pytest.raises(Stopped, match="before the test images were evaluated"):
        trained(data, tmp_path / "net.pt", test=test, pace=Pace(stop=stop))
    result = trained(data, tmp_path / "net.pt", test=test, resume=True)
    assert result.meta["networks"][0]["test"]["test_n"] == 12


def test_other_test_images_cannot_go_on_with_a_test_curve(data, two_kinds, tmp_path):
    test = {"test_curve": True, "test": two_kinds(12, split="test")}
    with pytest.raises(Stopped):
        trained(data, tmp_path / "net.pt", pace=at_steps(5), **test)
    for other in ({**test, "test": two_kinds(10, split="test")}, {"test": test["test"]}):
        with pytest.raises(UsageError, match="its test curve is of other images"):
            trained(data, tmp_path / "net.pt", resume=True, **other)
    trained(data, tmp_path / "net.pt", resume=True, **test)


def test_another_number_of_threads_is_said(data, tmp_path, monkeypatch):
    with pytest.raises(Stopped):
        trained(data, tmp_path / "net.pt", pace=at_steps(5))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 64)
    said = []
    trained(data, tmp_path / "net.pt", resume=True, say=said.append)
    assert "threads 1, now 64, so the last bits may differ" in said[-1]
