"""A run that was interrupted ends as one that never was, bit for bit."""

import contextlib
import dataclasses
import errno
import os
from pathlib import Path

import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resprobe.checkpoints import load
from resprobe.errors import InputError, IntegrityError, ResprobeError, UsageError
from resprobe.networks import Architecture
from resprobe.training import Pace, Recipe, Stopped, train

RECIPE = Recipe(name="quick", batch_size=8, learning_rate=0.05, pad=1, validation_fraction=0.25)
SEED = 1  # with which epoch 2 is the best of three, so that best and last differ
EPOCHS, STEPS = 3, 9  # of 24 images, so that a batch of 8 is three steps an epoch
NETWORK = Architecture.parse("resnet8:survival=0.6", num_classes=2, in_channels=1, width=2)


class Killed(BaseException):
    """What no handler expects."""


def at_steps(*wanted, raises=None):
    """Stop, or die, after each of these steps, once each."""
    left, asked = set(wanted), []

    def progress(at):
        if at.iteration in left:
            left.discard(at.iteration)
            if raises is not None:
                raise raises
            asked.append(at.iteration)

    return Pace(progress=progress, stop=lambda: bool(asked))


@pytest.fixture(scope="module")
def data(two_kinds):
    return two_kinds(32)


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "net.pt"
    return trained(data, out)


def trained(data, out, **more):
    facts = {"recipe": RECIPE, "epochs": EPOCHS, "seed": SEED, **more}
    return train(NETWORK, data, out=out, **facts)


def assert_same(result, whole, folder):
    """Weights of the best and the last, momenta, and all rows but for their durations."""
    pd.testing.assert_frame_equal(
        result.frame.drop(columns="duration_s"),
        whole.frame.drop(columns="duration_s"),
        check_exact=True,
    )
    wanted = whole.meta["networks"][0]
    for name, path in (
        ("net.pt", wanted["checkpoint"]),
        ("net-last.pt", wanted["checkpoint_last"]),
    ):
        ours, theirs = load(folder / name), load(path)
        assert ours.epoch == theirs.epoch
        assert ours.figures == theirs.figures
        for key, value in theirs.model.state_dict().items():
            assert torch.equal(ours.model.state_dict()[key], value), (name, key)
        if theirs.state is not None:
            pairs = zip(
                ours.state["loop"]["optimiser"]["state"].values(),
                theirs.state["loop"]["optimiser"]["state"].values(),
                strict=True,
            )
            assert all(torch.equal(a["momentum_buffer"], b["momentum_buffer"]) for a, b in pairs)
    log = pd.read_csv(folder / "net.csv").drop(columns="duration_s")
    pd.testing.assert_frame_equal(
        log, pd.read_csv(wanted["log"]).drop(columns="duration_s"), check_exact=True
    )


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
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


def damage(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_where_the_newest_state_is_damaged_the_one_before_is_taken_and_it_is_said(
    data, whole, tmp_path
):
    with pytest.raises(Killed):
        trained(data, tmp_path / "net.pt", pace=at_steps(8, raises=Killed))
    damage(tmp_path / "net-last.pt")
    said = []
    result = trained(data, tmp_path / "net.pt", resume=True, say=said.append)
    assert f"going on from the state before it, {tmp_path / 'net-previous.pt'}" in said[0]
    assert "net-last.pt: " in said[0]
    assert said[1].endswith("net-previous.pt, iteration 3 of 9")
    assert_same(result, whole, tmp_path)


def test_where_no_state_can_be_read_it_is_an_error(data, tmp_path):
    with pytest.raises(Killed):
        trained(data, tmp_path / "net.pt", pace=at_steps(8, raises=Killed))
    damage(tmp_path / "net-last.pt")
    damage(tmp_path / "net-previous.pt")
    with pytest.raises(IntegrityError, match=r"last\.pt.*previous\.pt.*--overwrite"):
        trained(data, tmp_path / "net.pt", resume=True)


def test_a_damaged_best_checkpoint_is_written_again_or_named(data, whole, tmp_path):
    assert whole.meta["networks"][0]["best_epoch"] == 2
    with pytest.raises(Killed):
        trained(data, tmp_path / "net.pt", pace=at_steps(7, raises=Killed))
    damage(tmp_path / "net.pt")  # of epoch 2, as the state is
    assert_same(trained(data, tmp_path / "net.pt", resume=True), whole, tmp_path)
    damage(tmp_path / "net.pt")  # of epoch 2, and the state is of epoch 3
    with pytest.raises(IntegrityError, match=r"net\.pt.* the best of this run was epoch 2"):
        trained(data, tmp_path / "net.pt", resume=True)


@pytest.mark.parametrize("writes", [8, 10, 12, 14], ids=["state", "best", "log", "notes"])
def test_a_full_disk_stops_the_run_and_takes_nothing_away(
    data, whole, tmp_path, monkeypatch, writes
):
    """Full while the files of the second epoch are written, each with two calls of fsync."""
    fsync, count = os.fsync, []

    def full(descriptor):
        count.append(1)
        if len(count) > writes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return fsync(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(ResprobeError, match="No space left on device"):
            trained(data, tmp_path / "net.pt")
    assert not list(tmp_path.glob(".*"))
    assert len(load(tmp_path / "net-last.pt").state["rows"]) == (1 if writes == 8 else 2)
    assert_same(trained(data, tmp_path / "net.pt", resume=True), whole, tmp_path)


def test_disk_use_is_bounded(data, tmp_path):
    seen = set()

    def look(_):
        seen.update(path.name for path in tmp_path.iterdir())

    trained(data, tmp_path / "net.pt", pace=Pace(progress=look, save_every_s=0.0))
    assert seen == {"net.pt", "net-last.pt", "net-previous.pt", "net.csv", "net.json"}
    assert not (tmp_path / "net-previous.pt").exists()


def test_a_complete_run_is_resumed_without_a_step(data, whole, tmp_path):
    trained(data, tmp_path / "net.pt")
    pace = at_steps(*range(1, STEPS + 1), raises=AssertionError("a step"))
    again = trained(data, tmp_path / "net.pt", resume=True, pace=pace)
    assert_same(again, whole, tmp_path)


def test_resume_begins_where_there_is_no_run(data, whole, tmp_path):
    said = []
    result = trained(data, tmp_path / "net.pt", resume=True, say=said.append)
    assert said == [f"{tmp_path / 'net.pt'}: no run there yet to go on with, so it begins"]
    assert_same(result, whole, tmp_path)


@pytest.mark.parametrize("name", ["net.pt", "net-last.pt", "net.csv", "net.json"])
def test_what_is_there_is_not_replaced_unless_that_is_asked_for(data, whole, tmp_path, name):
    (tmp_path / name).write_text("in the way")
    with pytest.raises(UsageError, match=f"{name}: exists already; .*--resume.*--overwrite"):
        trained(data, tmp_path / "net.pt")
    assert (tmp_path / name).read_text() == "in the way"
    assert_same(trained(data, tmp_path / "net.pt", overwrite=True), whole, tmp_path)


def test_a_run_that_is_replaced_stays_until_there_is_something_in_its_place(data, tmp_path):
    trained(data, tmp_path / "net.pt", seed=7)
    kept = (tmp_path / "net.pt").read_bytes()
    with pytest.raises(Killed):
        trained(data, tmp_path / "net.pt", overwrite=True, pace=at_steps(2, raises=Killed))
    assert (tmp_path / "net.pt").read_bytes() == kept
    with pytest.raises(Killed):
        trained(data, tmp_path / "net.pt", overwrite=True, pace=at_steps(4, raises=Killed))
    assert load(tmp_path / "net-last.pt").recipe["seed"] == load(tmp_path / "net.pt").recipe["seed"]
    assert not (tmp_path / "net-previous.pt").exists()  # or a resume could take the other run


def test_another_run_is_not_gone_on_with(data, tmp_path):
    with pytest.raises(Stopped):
        trained(data, tmp_path / "net.pt", pace=at_steps(2))
    other = dataclasses.replace(RECIPE, learning_rate=0.1)
    for message, changes in [
        ("its recipe has learning_rate = 0.05, and not 0.1", {"recipe": other}),
        ("its recipe has iterations = 9, and not 12", {"epochs": 4}),
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


def test_a_network_without_a_state_is_not_gone_on_with(data, tmp_path):
    trained(data, tmp_path / "net.pt")
    (tmp_path / "net.pt").replace(tmp_path / "net-last.pt")
    with pytest.raises(InputError, match="without the state of its training"):
        trained(data, tmp_path / "net.pt", resume=True)
    (tmp_path / "net-last.pt").replace(tmp_path / "net.pt")
    with pytest.raises(InputError, match=r"no net-last\.pt beside it"):
        trained(data, tmp_path / "net.pt", resume=True)
