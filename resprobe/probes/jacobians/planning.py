"""What looking at the Jacobians would take."""

from __future__ import annotations

import math
import time

import torch

from resprobe.chain import Chain, left_as_found
from resprobe.datasets import Batches
from resprobe.probes.jacobians.measuring import pairs_of
from resprobe.probes.jacobians.products import Jacobian, differentiable
from resprobe.probes.jacobians.setting import Setting, branch_of, groups_of
from resprobe.probes.jacobians.study import ITERATIONS, OVERSAMPLING, TOLERANCE, TRIPLETS
from resprobe.probes.plan import Plan, held_bytes
from resprobe.probes.study import check_fit

__all__ = ["plan_geometry"]


def plan_geometry(
    chain: Chain,
    data: Batches,
    *,
    k: int = TRIPLETS,
    oversampling: int = OVERSAMPLING,
    iterations: int = ITERATIONS,
    tolerance: float = TOLERANCE,
) -> Plan:
    """Return what :func:`resprobe.geometry` would do; one product of every block is timed.

    A program is a block's decomposition, a block evaluation a product with its Jacobian.
    """
    check_fit(chain, data, labels=False)
    setting = Setting(
        k=k, oversampling=oversampling, iterations=iterations, tolerance=tolerance, seed=0
    )
    together = {number: len(numbers) for numbers in groups_of(chain).values() for number in numbers}
    columns, duration_s = k + oversampling, 0.0
    with left_as_found(chain, training=False, requires_grad=False), differentiable():
        for number, block in enumerate(chain.blocks):
            at = torch.zeros(1, *block.in_shape, device=chain.device)
            jacobian = Jacobian(branch_of(block), at)
            times = (setting.products + together.get(number, 0) * k) / columns
            duration_s += times * _duration(jacobian, columns) * data.n
    evaluations = len(chain.blocks) * setting.products + pairs_of(chain) * k
    return Plan(
        study=f"geometry: {k} singular triplets of every branch",
        images=data.n,
        programs=len(chain.blocks),
        block_evaluations=evaluations,
        block_evaluations_apart=evaluations,
        duration_s=duration_s,
        memory_bytes=held_bytes(chain, data) + _bytes(chain, setting),
    )


def _duration(jacobian: Jacobian, columns: int) -> float:
    """Time a product in either direction, with its share of the linear algebra."""
    vectors = torch.randn(
        jacobian.rows, columns, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    jacobian.transposed_times(vectors)
    begin = time.perf_counter()
    back, _ = torch.linalg.qr(jacobian.transposed_times(vectors))
    jacobian.times(back)
    return (time.perf_counter() - begin) / 2


def _bytes(chain: Chain, setting: Setting) -> int:
    """Estimate the vectors of the largest stage, and a product's copies of the image."""
    sizes = [math.prod(block.in_shape) + math.prod(block.out_shape) for block in chain.blocks]
    stages = [
        8 * setting.k * sum(sizes[number] for number in numbers)
        for numbers in groups_of(chain).values()
    ]
    columns = setting.k + setting.oversampling
    return max(stages, default=0) + (8 * 4 + 4 * 12) * columns * max(sizes)
