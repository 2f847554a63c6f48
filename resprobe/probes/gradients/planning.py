"""What following the gradient would take."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from resprobe.chain import Chain, left_as_found
from resprobe.datasets import Batches
from resprobe.probes.batch_norm import Statistics, batches_for
from resprobe.probes.gradients.crossing import Crossing, cross
from resprobe.probes.gradients.recomputing import recomputes
from resprobe.probes.path_lengths.scaled import EVERY
from resprobe.probes.plan import Plan, held_bytes, sample
from resprobe.probes.study import check_fit

__all__ = ["plan_gradflow"]

LOOKED_AT = 1.4  # times as long as a forward and backward pass that nobody looks at


def plan_gradflow(
    chain: Chain,
    data: Batches,
    *,
    batch_norm: Statistics = "running",
    labels: bool = True,
    recompute: bool | None = None,
) -> Plan:
    """Return what :func:`resprobe.gradflow` would do; a few images are run forward and back.

    Parameters
    ----------
    chain, data, batch_norm
        As for :func:`resprobe.gradflow`.
    labels : bool
        Whether images must have labels.
    recompute : bool, optional
        Whether blocks run again on the way back; as :func:`resprobe.gradflow` decides if not
        given.
    """
    check_fit(chain, data, labels=labels)
    data = batches_for(chain, data, batch_norm)
    recompute = recomputes(chain, data) if recompute is None else recompute
    own = {tensor.data_ptr() for tensor in (*chain.parameters(), *chain.buffers())}
    saved: dict[int, int] = {}

    def count(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    with left_as_found(chain, training=False, requires_grad=True), torch.enable_grad():
        x = sample(data).requires_grad_()
        hooks = torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor)
        begin = time.perf_counter()
        with hooks:
            crossings, logits = cross(chain, x, recompute=recompute)
            loss = F.cross_entropy(logits, torch.zeros(len(x), dtype=torch.long, device=x.device))
        for passed in (crossing.passed for crossing in crossings):
            for held in (passed.start, passed.total, passed.end):
                if held is not None:
                    count(held)
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
        + 4 * _identity_path(chain, crossings) * max(data.sizes),
    )


def _identity_path(chain: Chain, crossings: Sequence[Crossing]) -> int:
    """Return how many numbers of an image the identity path keeps: its gradient at each block.

    Where shortcuts and sums pass it on as it is, it is kept once for several blocks.
    """
    if chain.is_plain:
        return 0
    blocks = [crossing for crossing in crossings if crossing.passed.number is not None]
    return sum(
        torch.Size(block.in_shape).numel()
        for number, (block, crossing) in enumerate(zip(chain.blocks, blocks, strict=True))
        if not crossing.passes_on or number % EVERY == 0
    )
