"""What a study would do, before it does it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from resprobe.chain import Chain, left_as_found
from resprobe.datasets import Batches
from resprobe.probes.batch_norm import Statistics, batches_for
from resprobe.probes.study import check_fit

__all__ = ["Plan", "held_bytes", "plan_gradflow", "sample", "timed"]


LOOKED_AT = 1.4  # times as long as a forward and backward pass that nobody looks at


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


def plan_gradflow(
    chain: Chain, data: Batches, *, batch_norm: Statistics = "running", labels: bool = True
) -> Plan:
    """Return what :func:`resprobe.gradflow` would do; a few images are run forward and back."""
    check_fit(chain, data, labels=labels)
    data = batches_for(chain, data, batch_norm)
    saved: dict[int, int] = {}

    def count(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    with left_as_found(chain, training=False, requires_grad=True), torch.enable_grad():
        x = sample(data).requires_grad_()
        hooks = torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor)
        begin = time.perf_counter()
        with hooks:
            loss = F.cross_entropy(chain(x), torch.zeros(len(x), dtype=torch.long, device=x.device))
        torch.autograd.grad(loss, [x, *(p for _, p in chain.model_parameters)], allow_unused=True)
        duration_s = time.perf_counter() - begin
    return Plan(
        study="gradflow",
        images=data.n,
        programs=1,
        block_evaluations=len(chain.steps),
        block_evaluations_apart=len(chain.steps),
        duration_s=LOOKED_AT * duration_s * data.n / len(x),
        memory_bytes=held_bytes(chain, data)
        + sum(saved.values()) * max(data.sizes) // len(x)
        + 4 * _identity_path(chain) * max(data.sizes),
    )


def _identity_path(chain: Chain) -> int:
    """Return how many numbers of an image the identity path keeps: its gradient at each block."""
    if chain.is_plain:
        return 0
    return sum(torch.Size(block.in_shape).numel() for block in chain.blocks)


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
