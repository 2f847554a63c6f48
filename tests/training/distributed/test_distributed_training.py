"""``torchrun -m resprobe train`` with two processes on the CPU."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch
from running import run

from resprobe.checkpoints import load

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
ASKED = [
    *("--arch", "resnet8", "--width", "4", "--recipe", "short"),
    *("--images", "300", "--device", "cpu"),
]
SHORT, LONG = ("--epochs", "2"), ("--epochs", "12")  # the longer one is stopped on its way


def start(folder, *more):
    command = [*TORCHRUN, "-m", "resprobe", "train", *ASKED, *more]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=folder, **streams)


def ended(process, limit_s=90):
    try:
        out, err = process.communicate(timeout=limit_s)
    finally:
        process.kill()
    return process.returncode, out, [line for line in err.splitlines() if "resprobe:" in line]


def wait_for_rows(path, rows, limit_s=60):
    end = time.monotonic() + limit_s
    while not path.exists() or len(path.read_text().splitlines()) <= rows:
        assert time.monotonic() < end
        time.sleep(0.02)


def workers(process):
    """The processes that torchrun started, in the order of their ranks."""
    found = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return sorted(map(int, found))


def the_same(first, second):
    if isinstance(first, torch.Tensor):
        return first.equal(second)
    if isinstance(first, dict):
        seconds = ("duration_s", "spent_s")
        return first.keys() == second.keys() and all(
            the_same(first[key], second[key]) for key in first if key not in seconds
        )
    if isinstance(first, list | tuple):
        pairs = zip(first, second, strict=True)
        return len(first) == len(second) and all(the_same(a, b) for a, b in pairs)
    return first == second or first != first


def uninterrupted(folder, epochs):
    code, out, notes = ended(start(folder, "--out", "net.pt", *epochs))
    assert (code, out.count("saved net.pt")) == (0, 1), notes
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run over two processes that nothing interrupted."""
    return uninterrupted(tmp_path_factory.mktemp("whole"), SHORT)


def test_one_process_speaks_and_writes(whole):
    assert {path.name for path in whole.iterdir()} == {
        "net.pt", "net-last.pt", "net.csv", "net.json",
    }  # fmt: skip
    rows = pd.read_csv(whole / "net.csv")
    assert rows["train_n"].tolist() == [270] * 2  # five batches of 64 and 14: nothing padded
    assert rows["validation_n"].tolist() == [30] * 2


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc to find the processes")
@pytest.mark.long
def test_a_killed_and_a_stopped_run_go_on_to_the_same_bits(tmp_path_factory, tmp_path):
    whole = uninterrupted(tmp_path_factory.mktemp("longer"), LONG)
    process = start(tmp_path, "--out", "net.pt", *LONG)
    wait_for_rows(tmp_path / "net.csv", 2)
    begin = time.monotonic()
    os.kill(workers(process)[1], signal.SIGKILL)
    code, _, notes = ended(process)
    assert code != 0
    assert time.monotonic() - begin < 45
    (said,) = [line for line in notes if "no longer answers" in line]
    assert said.startswith("resprobe: rank ")
    assert "start the same command again with --resume" in said

    process = start(tmp_path, "--out", "net.pt", *LONG, "--resume")
    wait_for_rows(tmp_path / "net.csv", 6)
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    code, _, notes = ended(process)
    assert "stopped after iteration" in notes[-1]

    code, _, notes = ended(start(tmp_path, "--out", "net.pt", *LONG, "--resume"))
    assert code == 0, notes
    for name in ("net.pt", "net-last.pt"):
        mine, wanted = load(tmp_path / name), load(whole / name)
        assert the_same(mine.model.state_dict(), wanted.model.state_dict())
        assert the_same(mine.state, wanted.state)
    mine, wanted = (
        pd.read_csv(f / "net.csv").drop(columns="duration_s") for f in (tmp_path, whole)
    )
    pd.testing.assert_frame_equal(mine, wanted, check_exact=True)


def test_a_run_over_two_processes_is_not_gone_on_with_by_one(whole, monkeypatch):
    monkeypatch.chdir(whole)
    ran = run("train", *ASKED, *SHORT, "--out", "net.pt", "--resume")
    assert ran.code == 2
    assert "a training over 2 processes, and not 1" in ran.notes[-1]


@pytest.mark.long
def test_a_request_that_cannot_be_meant_is_said_once(tmp_path):
    code, out, notes = ended(start(tmp_path, "--out", "net.pt", *SHORT, "--batch-size", "3"))
    assert code != 0
    assert out == ""
    assert [line for line in notes if "no --data" not in line and "share every" not in line] == [
        "resprobe: a batch of 3 images gives some of 2 processes fewer than 2; choose "
        "--batch-size 4 or more, or fewer processes"
    ]
