import signal
import sys
import time

import pytest

import resprobe
import resprobe.cli

# Python ignores Ctrl-C where its parent did, as shells let background jobs do
START = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from resprobe.cli import main
main()
"""


def wait_for(path, process, limit_s=60):
    end = time.monotonic() + limit_s
    while not path.exists():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "terminate"]
)
def test_a_training_that_is_stopped_leaves_whole_files(shell, ok, pets, tmp_path, number, code):
    asked = ("train", "--arch", "resnet8", "--width", "2", "--epochs", "1000000")
    asked += ("--data", f"folder:{pets}", "--out", "new/net.pt")
    process = shell(command=[sys.executable, "-c", START, *asked])
    try:
        wait_for(tmp_path / "new" / "net.csv", process)
        time.sleep(0.3)  # in the midst of it
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, out, err) == (code, "", "")
    assert {p.name for p in (tmp_path / "new").iterdir()} == {"net.pt", "net-last.pt", "net.csv"}
    epochs = len((tmp_path / "new" / "net.csv").read_text().splitlines()) - 1
    assert resprobe.load(tmp_path / "new" / "net-last.pt").epoch in (epochs, epochs + 1)
    assert ok("lesion", "--ckpt", "new/net.pt", "--json").json["rows"]


def test_ctrl_c_before_the_command_begins_is_quiet_too(call, monkeypatch):
    def pressed(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(resprobe.cli, "_run", pressed)
    ran = call("--help")
    assert (ran.code, ran.out, ran.err) == (130, "", "")


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit(143)])
def test_a_study_that_is_stopped_leaves_no_empty_folder(call, net, tmp_path, monkeypatch, error):
    def stopped(*_, **__):
        raise error

    monkeypatch.setattr("resprobe.probes.lesion", stopped)
    ran = call("lesion", "--ckpt", net, "--out", "new/results")
    assert ran.code == (130 if error is KeyboardInterrupt else 143)
    assert ran.err == ""
    assert list(tmp_path.iterdir()) == []
