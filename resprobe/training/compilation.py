"""A training forward that ``torch.compile`` makes faster."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator

import torch
from torch import nn

from resprobe.errors import ResprobeError, UsageError, first_line

__all__ = ["compiled", "compiler_errors"]


def compiled(network: nn.Module) -> nn.Module:
    """Return what to call in training instead of ``network``; compiled at its first call.

    Weights are the network's own. The network itself stays as it is, to be evaluated and saved
    uncompiled: its names get no ``_orig_mod.``.

    Parameters
    ----------
    network : nn.Module
        In training mode when it is called; already wrapped for several processes, if it is.

    Raises
    ------
    UsageError
        If there is no C++ compiler, which ``torch.compile`` needs on any device.
    """
    wanted = os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")
    if shutil.which(wanted) is None:
        raise UsageError(
            f"--compile needs a C++ compiler, and there is no {wanted}; install one, name it in "
            "the environment variable CXX, or leave --compile out"
        )
    faster = torch.compile(network)
    assert isinstance(faster, nn.Module), "a compiled module is a module"
    return faster


@contextlib.contextmanager
def compiler_errors() -> Iterator[None]:
    """Say in one sentence that the code in the block could not be compiled.

    Raises
    ------
    ResprobeError
        In place of the compiler's own errors, which are pages long.
    """
    try:
        yield
    except RuntimeError as error:
        if not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
            raise
        raise ResprobeError(
            f"torch.compile failed ({first_line(error)}); leave --compile out"
        ) from error
