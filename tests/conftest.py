"""What more than one room's tests use."""

import os
from pathlib import Path

import pytest

# Tiny networks gain nothing from threads, which only wait for each other on a busy machine.
# Set before torch is first imported; the processes that tests start inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def reference() -> Path:
    """Folder with the trained weights, images and reference figures that are not ours to ship."""
    folder = os.environ.get("RESPROBE_REFERENCE")
    if not folder:
        pytest.skip("RESPROBE_REFERENCE names no folder with weights/, data/ and reference/")
    return Path(folder)
