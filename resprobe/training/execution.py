"""How a training is computed."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from resprobe.training.distributed import World
from resprobe.training.precision import Precision

__all__ = ["Execution"]


@dataclass(frozen=True, kw_only=True)
class Execution:
    """By which processes, in which precision, and with how much help a training is computed.

    Parameters
    ----------
    world : World
        The processes that share the batches, and the device of this one.
    precision : Precision
        Of the forward pass in training; weights, statistics and evaluation are in float32.
    compile_forward : bool
        Whether ``torch.compile`` makes that pass faster; it takes a minute at first.
    workers : int
        Processes that decode images that lie on disk; 0 decodes in this one.

    Examples
    --------
    >>> Execution.on("cpu").world.size
    1
    """

    world: World = field(default_factory=World)
    precision: Precision = Precision.FP32
    compile_forward: bool = False
    workers: int = 0

    @classmethod
    def on(cls, device: torch.device | str) -> Execution:
        """Return the plain one: this process alone, on a device, in float32."""
        return cls(world=World(device=torch.device(device)))

    @property
    def device(self) -> torch.device:
        """Where this process computes."""
        return self.world.device
