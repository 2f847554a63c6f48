"""Run a traced graph and see what every node of it gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx

from resprobe.errors import ChainError, first_line

__all__ = ["TraceError", "evaluate", "shape_only"]


class TraceError(ChainError):
    """A graph that cannot be made, or is not what the model computes; another tracer may do."""


def whole(value: Any) -> Any:
    """Keep a value as it is."""
    return value


def shape_only(value: Any) -> Any:
    """Keep a tensor without its content."""
    return value.to("meta") if isinstance(value, Tensor) else value


class _Recorder(fx.Interpreter):
    def __init__(self, module: fx.GraphModule, keep: Callable[[Any], Any]) -> None:
        super().__init__(module, garbage_collect_values=keep is shape_only)
        self.keep, self.values = keep, dict[fx.Node, Any]()

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        self.values[n] = self.keep(value)
        return value


def evaluate(
    module: fx.GraphModule, x: Tensor, *, keep: Callable[[Any], Any] = whole
) -> dict[fx.Node, Any]:
    """Return the value of every node, or what ``keep`` keeps of it, without gradients.

    Raises
    ------
    TraceError
        If the graph does not run on these images.
    """
    recorder = _Recorder(module, keep)
    try:
        with torch.no_grad():
            recorder.run(x.clone())
    except Exception as error:
        raise TraceError(
            f"the model, as it was traced, does not run on {len(x)} images like the example "
            f"({first_line(error)})"
        ) from error
    return recorder.values
