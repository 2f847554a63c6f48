"""What measuring the sizes of branches and layers would take."""

from __future__ import annotations

import torch

from resprobe.chain import Chain, left_as_found
from resprobe.datasets import Batches
from resprobe.probes.batch_norm import Statistics, batches_for
from resprobe.probes.plan import Plan, held_bytes, sample, timed
from resprobe.probes.study import check_fit

__all__ = ["plan_magnitude"]

OVERHEAD = 1.6  # of a forward pass: what is reduced while it runs
ALIVE = 6  # tensors of the widest step that are alive at a time


def plan_magnitude(chain: Chain, data: Batches, *, batch_norm: Statistics = "running") -> Plan:
    """Return what :func:`resprobe.magnitude` would do; a few images are run through the network.

    Raises
    ------
    InputError
        As :func:`resprobe.magnitude`.
    """
    check_fit(chain, data, labels=False)
    data = batches_for(chain, data, batch_norm)
    with left_as_found(chain, training=False), torch.inference_mode():
        x = sample(data)
        seconds, _ = timed(chain, x)
    shapes = [step.out_shape for step in (chain.stem, *chain.steps)]
    widest = max(torch.Size(shape).numel() for shape in shapes)
    return Plan(
        study="magnitude",
        images=data.n,
        programs=1,
        block_evaluations=len(chain.steps),
        block_evaluations_apart=len(chain.steps),
        duration_s=OVERHEAD * seconds * data.n / len(x),
        memory_bytes=held_bytes(chain, data) + ALIVE * 4 * widest * max(data.sizes),
    )
