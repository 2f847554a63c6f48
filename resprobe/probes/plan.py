"""What a study would do, before it does it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from resprobe.chain import Chain
from resprobe.datasets import Batches

__all__ = ["Plan", "held_bytes", "sample", "timed"]


@dataclass(frozen=True)
class Plan:
    """What would run.

    Attributes
    ----------
    study : str
        What it is.
    images, programs : int
        Images to see; forward programs run on each of them.
    block_evaluations : int
        Calls of a block or link per image: for lesions the nodes of the prefix tree.
    block_evaluations_apart : int
        The same if every program were run by itself.
    duration_s : float
        Estimated from a few images timed here, stage by stage.
    memory_bytes : int
        Estimated: parameters, images, and the activations alive at a time.
    """

    study: str
    images: int
    programs: int
    block_evaluations: int
    block_evaluations_apart: int
    duration_s: float
    memory_bytes: int


def sample(data: Batches) -> Tensor:
    """Return a few images to time a step on."""
    x: Tensor = next(iter(data))[0]
    return x[:16].clone()


def timed(step: Callable[[Tensor], Tensor], x: Tensor) -> tuple[float, Tensor]:
    """Run a step twice and time the second run; the first one warms up."""
    step(x)
    _wait_for(x.device)
    begin = time.perf_counter()
    out = step(x)
    _wait_for(x.device)
    return time.perf_counter() - begin, out


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def held_bytes(chain: Chain, data: Batches) -> int:
    """Return what parameters and images take."""
    parameters = sum(p.numel() * p.element_size() for p in chain.parameters())
    return parameters + data.data.nbytes
