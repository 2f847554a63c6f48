"""What goes to stdout, what to stderr, and what happens where one of them is gone."""

import contextlib
import io
import os
import pty
import sys
from pathlib import Path

import pytest

import resprobe.cli
from resprobe.errors import InputError

FULL = Path("/dev/full")
JOBS = ("lesion", "gradflow", "describe", "train")


@pytest.fixture(params=JOBS)
def job(request, net, foreign, pets):
    """A command whose run has something to say on stderr."""
    data = ("--data", f"folder:{pets}")
    small = ("--width", "2", "--images", "20")
    return {
        "lesion": ("lesion", "--ckpt", foreign, *data, "--out", "out"),
        "gradflow": ("gradflow", "--arch", "resnet8", *small),
        "describe": ("describe", "--ckpt", foreign),
        "train": ("train", "--arch", "resnet8", *small, "--epochs", "1", "--overwrite",
                  "--validation", "0", "--out", "out.pt"),
    }[request.param]  # fmt: skip


def test_json_is_one_object_on_stdout_and_notes_are_lines_on_stderr(ok, job):
    ran = ok(*job, "--json")
    assert list(ran.json)[:2] == ["meta", "rows"]
    assert ran.json["meta"]["resprobe"] == resprobe.__version__
    assert ran.json["rows"]
    assert len({tuple(row) for row in ran.json["rows"]}) == 1
    assert ran.notes
    assert all(note.startswith("resprobe: ") for note in ran.notes)
    assert "elapsed" not in ran.err  # no progress where stderr is no terminal


def test_quiet_leaves_stderr_empty_and_stdout_the_same(ok, job):
    loud, quiet = ok(*job), ok(*job, "--quiet")
    assert quiet.err == ""
    if job[0] != "train":  # whose table holds seconds
        assert quiet.out == loud.out


def test_progress_is_drawn_where_stderr_is_a_terminal_unless_quiet(on_terminal, job):
    seen = on_terminal(*job, "--json")
    assert seen.code == 0
    assert seen.json["rows"]
    drawn = "elapsed" in seen.err and "left" in seen.err
    assert drawn == (job[0] != "describe")  # which is immediate
    assert on_terminal(*job, "--quiet").err == ""


def test_a_real_terminal_sees_the_bar_go_and_stdout_stays_clean(shell, net):
    ours, theirs = pty.openpty()
    process = shell("lesion", "--ckpt", net, "--json", stderr=theirs)
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError):  # how a terminal ends
        while part := os.read(ours, 2**16):
            seen += part
    os.close(ours)
    out, _ = process.communicate()
    assert process.returncode == 0
    assert out.startswith('{"meta": ')
    assert b"lesion resnet8" in seen
    assert seen.rstrip().endswith(b"\x1b[2K") or b"\x1b[?25h" in seen  # erased, cursor shown


def test_a_reader_who_leaves_early_is_no_error_to_report(shell):
    reader, writer = os.pipe()
    os.close(reader)
    process = shell("data", "list", stdout=writer)
    os.close(writer)
    _, err = process.communicate()
    assert (process.returncode, err) == (1, "")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
def test_a_full_disk_behind_stdout_is_one_sentence():
    err = io.StringIO()
    with (
        FULL.open("w") as full,
        contextlib.redirect_stdout(full),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as left,
    ):
        resprobe.cli.main(["data", "list"])
    assert left.value.code == 1
    assert err.getvalue() == "resprobe: reading or writing failed: No space left on device\n"


def test_closed_streams_are_survived(foreign, pets, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", None)
    with pytest.raises(SystemExit) as left:
        resprobe.cli.main(["lesion", "--ckpt", str(foreign), "--data", f"folder:{pets}", "--json"])
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith('{"meta": ')  # and no note before it
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(SystemExit) as left:
        resprobe.cli.main(["data", "list"])
    assert left.value.code == 0


def failing(error):
    def fail(*_, **__):
        raise error

    return fail


class OutOfMemoryError(RuntimeError):
    """As torch has it."""


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 36 bytes"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_running_out_of_memory_says_what_needs_less(call, net, monkeypatch, error):
    monkeypatch.setattr("resprobe.probes.lesion", failing(error))
    ran = call("lesion", "--ckpt", net)
    assert ran.code == 1
    assert ran.err == "resprobe: out of memory; a smaller --batch-size or --width needs less\n"


def test_a_mistake_of_ours_is_not_passed_off_as_the_users(call, net, monkeypatch):
    monkeypatch.setattr("resprobe.probes.lesion", failing(RuntimeError("shapes differ")))
    with pytest.raises(RuntimeError, match="shapes differ"):
        call("lesion", "--ckpt", net)


def test_an_error_of_several_lines_is_told_in_one(call, net, monkeypatch):
    monkeypatch.setattr("resprobe.probes.lesion", failing(InputError("one\ntwo\n  three")))
    ran = call("lesion", "--ckpt", net, "--out", "new/results")
    assert (ran.code, ran.err) == (3, "resprobe: one two   three\n")


@pytest.mark.parametrize("left", [[], ["figure.png"]])
def test_a_failure_takes_away_its_empty_folders_and_no_others(
    call, net, tmp_path, left, monkeypatch
):
    def fail(*_, **__):
        for name in left:
            (tmp_path / "old" / "new" / "results" / name).touch()
        raise InputError("no")

    (tmp_path / "old").mkdir()
    monkeypatch.setattr("resprobe.probes.lesion", fail)
    assert call("lesion", "--ckpt", net, "--out", "old/new/results").code == 3
    assert (tmp_path / "old").is_dir()
    assert (tmp_path / "old" / "new").exists() == bool(left)
