"""What a slice through the loss would take."""

from __future__ import annotations

import math

import torch

from resprobe.chain import Chain, left_as_found
from resprobe.datasets import Batches
from resprobe.probes.landscapes.grid import Grid
from resprobe.probes.landscapes.study import POINTS, POINTS_ON_LINE, SPAN
from resprobe.probes.plan import Plan, held_bytes, sample, timed
from resprobe.probes.study import check_fit

__all__ = ["plan_landscape"]


def plan_landscape(
    chain: Chain,
    data: Batches,
    *,
    points: int | None = None,
    span: float = SPAN,
    line: bool = False,
) -> Plan:
    """Return what :func:`resprobe.landscape` would do; a program is a place on the grid."""
    chosen = (POINTS_ON_LINE if line else POINTS) if points is None else points
    places = len(Grid(points=chosen, span=span, line=line).places)
    check_fit(chain, data)
    with left_as_found(chain, training=False), torch.inference_mode():
        x = sample(data)
        seconds, _ = timed(chain, x)
    weights = sum(p.numel() * p.element_size() for p in chain.parameters())
    largest = max(math.prod(step.out_shape) for step in (chain.stem, *chain.blocks))
    return Plan(
        study=f"landscape: {'a line' if line else 'a plane'} of {places} places",
        images=data.n,
        programs=places,
        block_evaluations=places * len(chain.steps),
        block_evaluations_apart=places * len(chain.steps),
        duration_s=seconds / len(x) * data.n * places,
        memory_bytes=held_bytes(chain, data) + 3 * weights + 16 * largest * max(data.sizes),
    )
