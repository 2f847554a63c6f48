"""One comparison: the same numbers first, then both ways in turn, and a row of the table."""

import contextlib

import pytest

from benchmarks.timing import in_turn

ROUNDS = {"torchlens": 3}  # some seconds a run
PACKAGES = ("captum", "torchlens", "torch_cka", "fvcore")


@pytest.fixture
def beside(tables, request):
    """Run both once and compare; time them; return how far their numbers are apart."""
    rounds = request.config.getoption("--rounds")

    def measure(work, network, against, n, theirs, ours, agreement, *, note):
        if against in PACKAGES:
            reason = f"{against} is not installed: pip install '.[peers]'"
            pytest.importorskip(against, reason=reason)
        around = wrapped if against == "torchlens" else contextlib.nullcontext
        with around():
            found = theirs()
        gap = agreement(found, ours())
        timing = in_turn(theirs, ours, rounds=rounds or ROUNDS.get(against, 7), around=around)
        tables.add(
            "peers", work=work, network=network, against=against, images=n,
            agreement=gap, note=f"agreement: {note}", **timing._asdict(),
        )  # fmt: skip
        return gap

    return measure


@contextlib.contextmanager
def wrapped():
    """torchlens replaces PyTorch's functions when it is first used, and leaves them so.

    Its replacements are put in place outside the clock, and taken away before resprobe's turn.
    """
    from torchlens.backends.torch.wrappers import unwrap_torch, wrap_torch

    wrap_torch()
    try:
        yield
    finally:
        unwrap_torch()
