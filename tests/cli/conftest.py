"""A folder of small images, networks trained on it, and two ways to run the command line."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest
from PIL import Image
from running import Ran, Terminal, run

CLASSES = ("cat", "dog")
TRAIN, TEST = 8, 6  # images per class


@pytest.fixture(autouse=True)
def _apart(tmp_path, monkeypatch):
    """Each test works in its own empty folder and leaves the process's signals alone."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RESPROBE_DATA", raising=False)
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def call():
    """Return the function that runs a command in this process."""
    return run


@pytest.fixture
def ok():
    """Return the function that runs a command that must succeed."""

    def succeed(*arguments: object) -> Ran:
        ran = run(*arguments)
        assert ran.code == 0, ran.err
        return ran

    return succeed


@pytest.fixture
def on_terminal():
    """Return the function that runs a command whose stderr is a terminal."""
    return lambda *arguments: run(*arguments, stderr=Terminal())


def contents(folder: Path) -> dict[str, bytes | None]:
    """List everything below a folder, the hidden files too: None for folders, else bytes."""
    return {
        str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes()
        for path in folder.rglob("*")
    }


@pytest.fixture
def refused(tmp_path):
    """Return the function that asserts one sentence, an exit code, and that nothing is written."""

    def refuse(code: int, match: str, *arguments: object) -> None:
        before = contents(tmp_path)
        never_loud = arguments[:2] == ("data", "verify")
        ran = run(*arguments, *(() if never_loud else ("--quiet",)))
        assert ran.out == ""
        assert len(ran.notes) == 1, ran.err
        assert ran.err.startswith("resprobe: ")
        assert "Traceback" not in ran.err
        assert re.search(match, ran.err), ran.err
        assert ran.code == code
        assert contents(tmp_path) == before
        loud = run(*arguments)
        assert (loud.code, loud.notes[-1:]) == (code, ran.notes)
        assert contents(tmp_path) == before

    return refuse


@pytest.fixture
def shell(tmp_path):
    """Return the function that runs a command in a process of its own, as users do."""

    def start(*arguments: object, **more: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "resprobe", *map(str, arguments)]
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(
            more.pop("command", command), cwd=tmp_path, env=environment, **{**streams, **more}
        )

    return start


_WAITING = """
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the tests run unattended
import resprobe.probes.kept as kept
write, kept.EVERY_S = kept.Kept._write, 0
kept.Kept._write = lambda self, path: (write(self, path), time.sleep(120))
from resprobe.cli import main
main()
"""


@pytest.fixture
def interrupted(shell):
    """Return the function that starts a study and ends it, by a signal, once it kept something."""

    def start(kept: Path, ending: signal.Signals, *arguments: object) -> int:
        process = shell(command=[sys.executable, "-c", _WAITING, *map(str, arguments)])
        end = time.monotonic() + 120
        while not kept.exists():
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < end
            time.sleep(0.02)
        process.send_signal(ending)
        process.communicate(timeout=60)
        return process.returncode

    return start


def write_images(root: Path, classes: tuple[str, ...] = CLASSES) -> Path:
    rng = np.random.default_rng(0)
    for split, count in {"train": TRAIN, "test": TEST}.items():
        for name in classes:
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / split / name / f"{number}.png")
    return root


@pytest.fixture(scope="session")
def pets(tmp_path_factory) -> Path:
    """A folder data set of 2 classes, 16 training and 12 test images."""
    return write_images(tmp_path_factory.mktemp("data") / "pets")


@pytest.fixture(scope="session")
def birds(tmp_path_factory) -> Path:
    """A folder data set of 3 classes."""
    return write_images(tmp_path_factory.mktemp("data") / "birds", ("gull", "owl", "robin"))


SMALL = ("--width", "2", "--epochs", "1", "--validation", "0.25", "--quiet")


@pytest.fixture(scope="session")
def trained(pets, tmp_path_factory) -> Path:
    """A folder with ``resnet8.pt`` and ``plain8.pt``, trained by the command line on the pets."""
    folder = tmp_path_factory.mktemp("trained")
    for arch in ("resnet8", "plain8"):
        ran = run(
            "train", "--arch", arch, "--data", f"folder:{pets}", "--out", folder / f"{arch}.pt",
            *SMALL,
        )  # fmt: skip
        assert ran.code == 0, ran.err
    return folder


@pytest.fixture(scope="session")
def net(trained) -> Path:
    """A trained residual network of ours."""
    return trained / "resnet8.pt"


@pytest.fixture(scope="session")
def foreign(tmp_path_factory) -> Path:
    """The bare weights of a network for the pets, as torch saves them."""
    import torch

    from resprobe.networks import Architecture

    path = tmp_path_factory.mktemp("foreign") / "bare.pt"
    torch.save(Architecture("resnet8", num_classes=2, width=2).build().state_dict(), path)
    return path


LAYERS = """
    from torch import nn

    class Block(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.conv = nn.Conv2d(width, width, 3, padding=1, bias=False)
            self.norm = nn.BatchNorm2d(width)

        def forward(self, x):
            return x + self.norm(self.conv(x)).relu()
"""
NET = """
    import torch
    from torch import nn
    from layers import Block

    print("a file may print what it likes")

    class Net(nn.Module):
        def __init__(self, depth, num_classes, channels=3, size=None):
            super().__init__()
            self.stem = nn.Conv2d(channels, 4, 3, padding=1)
            self.tower = nn.Sequential(*(Block(4) for _ in range(depth)))
            self.pool = nn.AdaptiveAvgPool2d(1 if size is None else size)
            self.head = nn.Linear(4 if size is None else 4 * size * size, num_classes)
            self.idle = nn.Linear(2, 2)

        def forward(self, x):
            print(x.shape)
            return self.head(self.pool(self.tower(self.stem(x))).flatten(1))

    def make(depth=2, num_classes=2):
        return Net(depth, num_classes)

    def any_channels(num_classes, in_channels):
        return Net(1, num_classes, in_channels)
"""


@pytest.fixture(scope="session")
def user_file(tmp_path_factory):
    """A user's file with a residual network, which imports another beside it."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "layers.py").write_text(dedent(LAYERS))
    (folder / "net.py").write_text(dedent(NET))
    yield folder / "net.py"
    assert sorted(path.name for path in folder.iterdir()) == ["layers.py", "net.py"]


@pytest.fixture
def weights_of():
    """Return the function that saves what a model draws, as other people save their weights."""
    import torch

    from resprobe.sources import build_model

    def save(spec: str, path: Path, *, seed: int = 3, **sizes: int) -> Path:
        torch.save(build_model(spec, seed=seed, **sizes).state_dict(), path)
        return path

    return save
