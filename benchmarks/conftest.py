"""Ratios against something run beside it: A B A B ..., medians and spread of the pairs."""

import platform
import statistics
import time

import pytest
import torch

from resprobe.datasets import Batches, ImageSet, Normalisation

LINES = []


@pytest.fixture
def side_by_side(request):
    """Time two callables in turn; remember the ratio of each pair for the summary."""

    def measure(naive, ours, *, pairs=5):
        naive(), ours()  # warm up
        ratios, seconds = [], ([], [])
        for _ in range(pairs):
            for run, kept in zip((naive, ours), seconds, strict=True):
                begin = time.perf_counter()
                run()
                kept.append(time.perf_counter() - begin)
            ratios.append(seconds[0][-1] / seconds[1][-1])
        median = statistics.median(ratios)
        LINES.append(
            f"{request.node.name}: {median:.2f}x (pairs {min(ratios):.2f} to {max(ratios):.2f}), "
            f"{statistics.median(seconds[0]):.2f} s against {statistics.median(seconds[1]):.2f} s"
        )
        return median

    return measure


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

    def make(n, batch_size=64):
        pixels = torch.randint(0, 256, (n, 3, 32, 32), generator=torch.Generator().manual_seed(0))
        data = ImageSet(
            pixels.to(torch.uint8), torch.arange(n) % 10, tuple("abcdefghij"), "random", "test"
        )
        return Batches(data, Normalisation((0.5,) * 3, (0.25,) * 3), batch_size)

    return make


def pytest_terminal_summary(terminalreporter):
    terminalreporter.section("ratios: the naive way / resprobe, medians of pairs")
    terminalreporter.line(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, {platform.machine()}"
    )
    for line in LINES:
        terminalreporter.line(line)
