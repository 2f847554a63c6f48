"""Files as users write them."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import dedent

import pytest
import torch

NET = """
    import torch
    from torch import nn

    WIDTH = 4

    class Block(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.conv = nn.Conv2d(width, width, 3, padding=1)

        def forward(self, x):
            return x + self.conv(x)

    class Net(nn.Sequential):
        def __init__(self, depth=2, num_classes=5, in_channels=3):
            stem = nn.Conv2d(in_channels, WIDTH, 3, padding=1)
            head = nn.Linear(WIDTH, num_classes)
            blocks = [Block(WIDTH) for _ in range(depth)]
            super().__init__(stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(1), head)

    def make_model(depth=2, num_classes=5):
        return Net(depth, num_classes)

    def fixed():
        return Net(num_classes=7)

    def needs(depth, *, width, kind="a"):
        return Net(depth)

    def takes_all(**options):
        return Net(**options)

    def grey(in_chans):
        return Net(in_channels=in_chans)

    def fails(depth=2):
        raise RuntimeError("the weights are on\\nanother disk")

    def leaves():
        raise SystemExit(3)

    def gives_a_list():
        return [1, 2]

    def gives_the_class():
        return Net
"""


@pytest.fixture
def write(tmp_path):
    """Return the function that writes a file, and gives its path."""

    def writing(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
        return path

    return writing


@pytest.fixture
def net(write):
    """A file with a small residual network and functions that make it."""
    return write("net.py", NET)


@pytest.fixture(autouse=True)
def _no_trace(tmp_path, monkeypatch):
    """Whatever a test builds, the interpreter and the folder are left as they were."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)  # as it is where nobody set it
    path, modules, random = list(sys.path), dict(sys.modules), torch.get_rng_state()
    yield
    assert sys.path == path
    assert sys.dont_write_bytecode is False
    kept = {
        name: module
        for name, module in sys.modules.items()
        if str(getattr(module, "__file__", "")).startswith(str(tmp_path))
    }
    assert kept == {}
    assert not any(name.startswith("_resprobe") for name in sys.modules.keys() - modules.keys())
    assert torch.equal(torch.get_rng_state(), random)
    assert list(tmp_path.rglob("__pycache__")) == []
