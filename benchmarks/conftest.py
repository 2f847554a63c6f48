"""Ratios against something run beside it: A B A B ..., medians and spread of the pairs."""

import os
import time
from pathlib import Path

import pytest
import torch

from benchmarks.tables import Tables, machine
from benchmarks.timing import in_turn
from resprobe.datasets import Batches, ImageSet, Normalisation

LINES = []
TABLES = Tables()


def pytest_addoption(parser):
    parser.addoption(
        "--results",
        type=Path,
        metavar="FOLDER",
        help="write the tables of benchmarks there; without it they are printed alone",
    )
    parser.addoption(
        "--rounds", type=int, metavar="N", help="pairs beside a peer, instead of 7 (torchlens: 3)"
    )
    parser.addoption(
        "--only", type=int, metavar="N", help="so many images for memory, not the command's own"
    )
    parser.addoption(
        "--full-growth",
        action="store_true",
        help="how cost grows to 600 blocks and 10,000 images; half an hour and more",
    )


@pytest.fixture(scope="session")
def tables():
    """What a benchmark puts its rows into."""
    return TABLES


@pytest.fixture
def side_by_side(request):
    """Time two callables in turn; remember the ratio of each pair for the summary."""

    def measure(naive, ours, *, pairs=5, **row):
        if row:
            pairs = request.config.getoption("--rounds") or pairs
        naive(), ours()  # warm up
        timing = in_turn(naive, ours, rounds=pairs, clock=time.perf_counter)
        LINES.append(
            f"{request.node.name}: {timing.ratio:.2f}x (95 % {timing.ratio_low:.2f} to "
            f"{timing.ratio_high:.2f}), {timing.theirs_s:.2f} s against {timing.ours_s:.2f} s"
        )
        if row:
            row["note"] += f"; seconds on the wall, {business()}"
            TABLES.add("training", **row, **timing._asdict())
        return timing.ratio

    return measure


def business():
    """Say what the machine had to do at the time, this included."""
    return f"on {os.cpu_count()} cores that {os.getloadavg()[0]:.1f} processes wanted"


@pytest.fixture
def one_thread():
    """Busy neighbours must not make one side wait for its own threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def images():
    """Return batches of random images: the speed does not depend on what they show."""

    def make(n, batch_size=64, size=32):
        draws = torch.Generator().manual_seed(0)
        pixels = torch.randint(0, 256, (n, 3, size, size), generator=draws)
        data = ImageSet(
            pixels.to(torch.uint8), torch.arange(n) % 10, tuple("abcdefghij"), "random", "test"
        )
        return Batches(data, Normalisation((0.5,) * 3, (0.25,) * 3), batch_size)

    return make


def pytest_terminal_summary(terminalreporter, config):
    facts = machine()
    terminalreporter.section("theirs / resprobe, medians of pairs")
    terminalreporter.line(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, {facts['cpu']}"
    )
    for line in LINES:
        terminalreporter.line(line)
    for name, frame in TABLES.frames().items():
        terminalreporter.section(name)
        with_digits = frame.map(lambda value: f"{value:.4g}" if type(value) is float else value)
        for line in with_digits.to_string(index=False).splitlines():
            terminalreporter.line(line)
    if folder := config.getoption("--results"):
        for file in TABLES.save(folder):
            terminalreporter.line(f"wrote {file}")
