"""What hooks have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Hook", "on_gradient"]


class _Idle:
    """What is left of a hook on a copy of its module, in memory or in a file: nothing."""

    def __call__(self, *args: Any) -> None:
        """Do nothing."""


class Hook:
    """A hook of one module, which copies of the module do not have.

    Parameters
    ----------
    module : nn.Module
        On which it is put.
    see : callable
        What a hook is to do. It is kept out of what ``torch.compile`` compiles.
    """

    def __init__(self, module: nn.Module, see: Callable[..., Any]) -> None:
        self.module = module
        self._see: Callable[..., Any] = torch.compiler.disable(see)  # type: ignore[no-untyped-call]

    def __call__(self, module: nn.Module, *args: Any) -> Any:
        """Let the module's own passes be seen."""
        return self._see(module, *args) if module is self.module else None

    def __reduce__(self) -> tuple[type[_Idle], tuple[()]]:
        """Put nothing of a watch into a copy, or into a file."""
        return _Idle, ()


def on_gradient(x: Tensor, see: Callable[[Tensor], None]) -> None:
    """Let ``see`` have the gradient at ``x``, over all that x is used for, if there is one.

    Where x is changed in place afterwards it is the gradient at the value that it has now.
    """
    if x.requires_grad:
        x.register_hook(see)  # type: ignore[no-untyped-call]
