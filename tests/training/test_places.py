"""The files of a run: never mixed up, never lost, never more than said."""

import errno
import os

import pytest
from training.small_run import (
    SEED,
    Killed,
    assert_same,
    at_steps,
    trained,
)

from resprobe.checkpoints import load
from resprobe.errors import ResprobeError, UsageError
from resprobe.training import Pace


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
    seen.remove(".net.pt.lock")
    assert seen == {"net.pt", "net-last.pt", "net-previous.pt", "net.csv", "net.json"}
    assert not (tmp_path / "net-previous.pt").exists()


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


def test_a_run_keeps_every_other_away_until_it_ends(data, tmp_path):
    refusals = []

    def intrude(at):
        if at.iteration == 4:
            with pytest.raises(UsageError, match=r"net\.pt: another training is at work there"):
                trained(data, tmp_path / "net.pt", seed=2, overwrite=True)
            refusals.append(at.iteration)

    trained(data, tmp_path / "net.pt", pace=Pace(progress=intrude))
    assert refusals == [4]
    assert load(tmp_path / "net.pt").recipe["seed"] == SEED
    assert not list(tmp_path.glob(".*"))
    trained(data, tmp_path / "net.pt", seed=2, overwrite=True)


def test_what_a_killed_run_left_half_written_is_removed(data, whole, tmp_path):
    kept = tmp_path / ".other.pt.0a1b2c3d.part"
    for path in (
        tmp_path / ".net-last.pt.0a1b2c3d.part",
        tmp_path / ".net.csv.ffffffff.part",
        kept,
    ):
        path.write_bytes(b"half")
    assert_same(trained(data, tmp_path / "net.pt", resume=True), whole, tmp_path)
    assert list(tmp_path.glob(".*")) == [kept]


@pytest.mark.parametrize("name", ["net-last.pt", "net-previous.pt", "net.json", "net-watch.csv"])
@pytest.mark.parametrize("how", [{}, {"resume": True}, {"overwrite": True}])
def test_what_is_no_file_is_in_the_way_before_anything_is_done(data, tmp_path, name, how):
    trained(data, tmp_path / "net.pt")
    (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / name).mkdir()
    kept = (tmp_path / "net.pt").read_bytes()
    with pytest.raises(UsageError, match=f"{name}: in the way, and no ordinary file"):
        trained(data, tmp_path / "net.pt", **how)
    assert (tmp_path / "net.pt").read_bytes() == kept


def test_a_replacement_that_cannot_be_written_leaves_what_was_there(data, tmp_path, monkeypatch):
    trained(data, tmp_path / "net.pt", seed=7)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(ResprobeError, match="No space left"):
            trained(data, tmp_path / "net.pt", overwrite=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
