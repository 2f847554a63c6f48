"""States of a run that were damaged, lost or edited."""

import dataclasses
import errno
import os

import pytest
import torch
from training.small_run import (
    RECIPE,
    Killed,
    assert_same,
    at_steps,
    trained,
)

from resprobe.checkpoints import load, save
from resprobe.errors import InputError, IntegrityError, ResprobeError
from resprobe.training import Stopped


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


def test_a_network_without_a_state_is_not_gone_on_with(data, tmp_path):
    trained(data, tmp_path / "net.pt")
    (tmp_path / "net.pt").replace(tmp_path / "net-last.pt")
    with pytest.raises(InputError, match="without the state of its training"):
        trained(data, tmp_path / "net.pt", resume=True)
    (tmp_path / "net-last.pt").replace(tmp_path / "net.pt")
    with pytest.raises(InputError, match=r"no net-last\.pt beside it"):
        trained(data, tmp_path / "net.pt", resume=True)


def test_a_damaged_state_never_takes_the_place_of_the_good_one(data, whole, tmp_path, monkeypatch):
    with pytest.raises(Killed):
        trained(data, tmp_path / "net.pt", pace=at_steps(8, raises=Killed))
    damage(tmp_path / "net-last.pt")

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(ResprobeError, match="No space left"):
            trained(data, tmp_path / "net.pt", resume=True)
    said = []
    result = trained(data, tmp_path / "net.pt", resume=True, say=said.append)
    assert "net-last.pt: not there; going on from the state before it" in said[0]
    assert_same(result, whole, tmp_path)


def test_the_best_of_another_run_is_not_taken_for_this_ones(data, tmp_path):
    trained(data, tmp_path / "net.pt")
    trained(data, tmp_path / "other.pt", seed=2)
    (tmp_path / "other.pt").replace(tmp_path / "net.pt")
    with pytest.raises(IntegrityError, match=r"net\.pt: not of this run; the best .* epoch 2"):
        trained(data, tmp_path / "net.pt", resume=True)


def test_with_nothing_held_out_a_best_that_is_gone_is_written_anew(data, tmp_path):
    bare = dataclasses.replace(RECIPE, validation_fraction=0.0)
    whole = trained(data, tmp_path / "whole.pt", recipe=bare)
    with pytest.raises(Stopped):
        trained(data, tmp_path / "net.pt", recipe=bare, pace=at_steps(6))
    (tmp_path / "net.pt").unlink()
    again = trained(data, tmp_path / "net.pt", recipe=bare, resume=True)
    assert again.frame["train_loss"].tolist() == whole.frame["train_loss"].tolist()
    first, second = (load(tmp_path / f"{name}.pt").model.state_dict() for name in ("net", "whole"))
    assert all(first[key].equal(second[key]) for key in first)


def resaved(path, change):
    """Write a state anew, sealed and whole, with something changed in it."""
    found = load(path)
    state = found.state
    change(state)
    save(
        path,
        found.model,
        state=state,
        **{name: getattr(found, name) for name in (
            "architecture", "normalisation", "data", "split_seed", "recipe", "epoch", "figures"
        )},
    )  # fmt: skip


def put(*keys, value):
    def change(state):
        *path, last = keys
        for key in path:
            state = state[key]
        state[last] = value

    return change


MOMENTUM = ("loop", "optimiser", "state", 0, "momentum_buffer")


@pytest.mark.parametrize(
    "change",
    [
        put("version", value=True),
        put("version", value=2),
        put("setting", value={}),
        put("loop", "epoch", value=1.5),
        put("loop", "epoch", value=5),
        put("loop", "batch", value=-1),
        put("loop", "batch", value=0),
        put("loop", "batch", value=10**9),
        put("loop", "iteration", value=7),
        put("loop", "learning_rate", value="fast"),
        put("loop", "tally", "n", value=-3),
        put("loop", "tally", "wrong", value=10**6),
        put("loop", "tally", "loss_sum", value=float("nan")),
        put("loop", "warm_up", "left", value="x"),
        put("loop", "warm_up", "seen", value=[[1]]),
        put(*MOMENTUM, value=torch.tensor(0.0)),
        put(*MOMENTUM, value=torch.full((2, 1, 3, 3), float("nan"))),
        put(*MOMENTUM, value=3),
        put("rows", value=[]),
        put("rows", 0, "epoch", value=2),
        put("rows", 0, "validation_error", value="x"),
        put("rows", 0, "speed", value=1.0),
        put("spent_s", value="long"),
        lambda state: state.pop("loop"),
        lambda state: state["loop"].pop("optimiser"),
        lambda state: state["loop"].pop("descent"),
    ],
)
def test_a_state_that_this_run_cannot_have_written_is_refused(data, tmp_path, change):
    with pytest.raises(Stopped):
        trained(data, tmp_path / "net.pt", pace=at_steps(5))
    resaved(tmp_path / "net-last.pt", change)
    with pytest.raises(InputError, match=r"net-last\.pt: .*(usable state|the state of its tr)"):
        trained(data, tmp_path / "net.pt", resume=True)


@pytest.mark.parametrize(
    "change",
    [
        put("loop", "optimiser", "param_groups", 0, "weight_decay", value=0.5),
        put("loop", "optimiser", "param_groups", 0, "maximize", value=True),
        put("loop", "warm_up", "until_error", value=0.0),
    ],
)
def test_what_the_recipe_decides_is_not_taken_from_a_state(data, whole, tmp_path, change):
    with pytest.raises(Stopped):
        trained(data, tmp_path / "net.pt", pace=at_steps(5))
    resaved(tmp_path / "net-last.pt", change)
    assert_same(trained(data, tmp_path / "net.pt", resume=True), whole, tmp_path)
