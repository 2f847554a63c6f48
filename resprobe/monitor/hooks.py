"""What hooks have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

__all__ = ["on_gradient", "uncompiled"]


def uncompiled(hook: Callable[..., Any]) -> Callable[..., Any]:
    """Keep a hook out of what ``torch.compile`` compiles: it is run as it is."""
    wrapped: Callable[..., Any] = torch.compiler.disable(hook)  # type: ignore[no-untyped-call]
    return wrapped


def on_gradient(x: Tensor, see: Callable[[Tensor], None]) -> None:
    """Let ``see`` have the gradient at ``x``, over all that x is used for, if there is one.

    Where x is changed in place afterwards it is the gradient at the value that it has now.
    """
    if x.requires_grad:
        x.register_hook(see)  # type: ignore[no-untyped-call]
