"""What more than one room's tests use."""

import os
from pathlib import Path

import pytest

# Tiny networks gain nothing from threads, which only wait for each other on a busy machine.
# Set before torch is first imported; the processes that tests start inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")


FIRST = (
    "tests/test_readme.py",
    "tests/zoo/",
    "tests/real/",
    "tests/training/distributed/",
    "tests/analyses/",
    "tests/cli/test_signals.py",
    "tests/cli/test_lesion_processes.py",
)
"""The longest files: two processes are done together only if none begins one of them last."""


def pytest_collection_modifyitems(items):
    def place(item):
        path = item.nodeid.partition("::")[0]
        return next((i for i, name in enumerate(FIRST) if path.startswith(name)), len(FIRST))

    items.sort(key=place)


@pytest.fixture(scope="session")
def reference() -> Path:
    """Folder with the trained weights, images and reference figures that are not ours to ship."""
    folder = os.environ.get("RESPROBE_REFERENCE")
    if not folder:
        pytest.skip("RESPROBE_REFERENCE names no folder with weights/, data/ and reference/")
    return Path(folder)


@pytest.fixture
def model_state():
    """Everything that probes and watches must leave as it was, as one comparable value."""
    import torch

    def state(model):
        return (
            [
                (
                    name,
                    m.training,
                    *map(len, (m._forward_hooks, m._forward_pre_hooks)),
                    len(m._backward_hooks),
                )
                for name, m in model.named_modules()
            ],
            [(n, p.requires_grad, p.grad is None) for n, p in model.named_parameters()],
            [(key, value.clone().numpy().tobytes()) for key, value in model.state_dict().items()],
            torch.get_rng_state().numpy().tobytes(),
            torch.is_grad_enabled(),
        )

    return state
