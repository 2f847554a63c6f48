import random
import re
import signal
import subprocess
import sys
import time

import pytest

import resprobe
import resprobe.cli
from resprobe.cli.stopping import asked_to_stop

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


ASKED = ("train", "--arch", "resnet8:survival=0.6", "--width", "2", "--validation", "0.25")
ASKED += ("--batch-size", "4", "--seed", "1")


@pytest.fixture
def asked(pets):
    """Return the arguments of a run of 120 steps, at ``net.pt`` of a folder."""

    def ask(folder, *more):
        where = ("--data", f"folder:{pets}", "--out", f"{folder}/net.pt")
        return [*ASKED, *where, "--epochs", "40", *more]

    return ask


@pytest.fixture
def started(shell):
    """Return the function that starts a run in a process of its own."""
    running = []

    def start(arguments):
        running.append(shell(command=[sys.executable, "-c", START, *arguments]))
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def whole(pets, tmp_path_factory):
    """The folder of a run that nobody interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    where = ("--data", f"folder:{pets}", "--out", f"{folder}/net.pt", "--epochs", "40")
    with pytest.raises(SystemExit, match=r"^0$"):
        resprobe.cli.main([*ASKED, *where, "--quiet"])
    return folder


def rows(folder):
    """Every epoch of a log, without the durations."""
    lines = (folder / "net.csv").read_text().splitlines()
    return [line.rsplit(",", 1)[0] for line in lines]


def assert_same(folder, whole):
    assert rows(folder) == rows(whole)
    for name in ("net.pt", "net-last.pt"):
        ours, theirs = (resprobe.load(place / name) for place in (folder, whole))
        weights = theirs.model.state_dict()
        assert all(ours.model.state_dict()[key].equal(weights[key]) for key in weights)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        pytest.param(signal.SIGINT, 130, id="ctrl-c"),
        pytest.param(signal.SIGTERM, 143, id="terminate", marks=pytest.mark.long),
    ],
)
def test_a_training_that_is_asked_to_stop_saves_and_goes_on(
    started, asked, ok, whole, tmp_path, number, code
):
    folder = tmp_path / "new"
    process = started(asked("new"))
    wait_for(folder / "net.csv", process)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (code, "")
    assert re.fullmatch(
        r"resprobe: stopped after iteration \d+ of 120; new/net-last.pt holds all of it, so go on "
        r"with --resume\n",
        err,
    )
    assert ok("lesion", "--ckpt", "new/net.pt", "--json").json["rows"]
    ok(*asked("new", "--resume", "--quiet"))
    assert_same(folder, whole)


@pytest.mark.long
def test_a_training_that_is_killed_again_and_again_goes_on(started, asked, ok, whole, tmp_path):
    """SIGKILL at moments that nobody chose, with the state saved after every step."""
    folder, draw = tmp_path / "new", random.Random(0)
    arguments = asked("new", "--resume", "--save-every", "0")
    for _ in range(3):
        process = started(arguments)
        before = newest(folder)
        end = time.monotonic() + 60
        while newest(folder) == before:  # until it works
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < end
            time.sleep(0.01)
        time.sleep(0.5 * draw.random())
        process.kill()
        process.communicate()
    ok(*arguments, "--quiet")
    assert_same(folder, whole)
    assert not [path for path in folder.glob(".*") if path.stat().st_nlink > 1]


def newest(folder):
    state = folder / "net-last.pt"
    return state.stat().st_mtime_ns if state.exists() else 0


@pytest.fixture
def ctrl_c():
    """Let Ctrl-C raise, which it does not in a process that a shell put in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_a_second_signal_stops_at_once():
    with asked_to_stop() as stop:
        assert not stop()
        signal.raise_signal(signal.SIGINT)
        assert stop()
        assert stop.exit_code == 130
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_the_handlers_of_before_come_back():
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with asked_to_stop() as stop:
        signal.raise_signal(signal.SIGTERM)
        assert stop.exit_code == 143
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


@pytest.mark.long
def test_a_file_that_does_not_fit_on_the_disk_is_one_sentence(started, asked, ok, whole, tmp_path):
    """A limit on the length of files stands for a full disk."""
    process = started(asked("new"))
    wait_for(tmp_path / "new" / "net.csv", process)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    kept = (tmp_path / "new" / "net-last.pt").read_bytes()
    size = len(kept) // 2
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))\n"
    arguments = asked("new", "--resume", "--quiet")
    full = subprocess.run(
        [sys.executable, "-c", limit + START, *arguments],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert full.returncode == 1
    assert full.stderr == "resprobe: new/net-last.pt: writing failed (File too large)\n"
    assert (tmp_path / "new" / "net-last.pt").read_bytes() == kept
    assert not list((tmp_path / "new").glob(".*"))
    ok(*arguments)
    assert_same(tmp_path / "new", whole)


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
