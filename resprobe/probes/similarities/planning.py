"""What comparing layers would take."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from resprobe.chain import Chain, left_as_found
from resprobe.datasets import Batches
from resprobe.probes.plan import Plan, held_bytes, timed
from resprobe.probes.similarities.cka import GROUPS
from resprobe.probes.similarities.compared import batches_for
from resprobe.probes.similarities.layers import Layer, grams
from resprobe.probes.study import check_fit

__all__ = ["plan_similarity"]

_NUMBER = 8  # bytes of a float64


def plan_similarity(chain: Chain, data: Batches, *, interiors: bool = False) -> Plan:
    """Return what :func:`resprobe.similarity` would do with one network; one batch is run.

    Several networks take their Gram matrices' memory together, and the square of all their
    layers in sums.

    Raises
    ------
    ResprobeError
        As :func:`resprobe.similarity`.
    """
    check_fit(chain, data, labels=False)
    data = batches_for(data)
    first = replace(data, data=data.data.subset(min(data.n, data.batch_size)))
    x = next(iter(first))[0]
    found: tuple[Layer, ...] = ()

    def run(x: Tensor) -> Tensor:
        nonlocal found
        found, rows = grams(chain, x, interiors=interiors)
        return rows @ rows.T

    with left_as_found(chain, training=False):
        duration_s = timed(run, x)[0]
    layers, n = len(found), max(data.sizes)
    largest = max(_size(block.out_shape) for block in chain.blocks)
    return Plan(
        study=f"similarity: {layers} layers, {layers * layers:,} pairs",
        images=data.n,
        programs=1,
        block_evaluations=len(chain.steps),
        block_evaluations_apart=len(chain.steps),
        duration_s=duration_s * data.n / len(x),
        # Gram matrices, groups of sums, and a block's values with one of them in float64
        memory_bytes=held_bytes(chain, data)
        + _NUMBER * (layers * n * (n - 1) // 2 + (GROUPS + 3) * layers**2)
        + 4 * _NUMBER * n * largest,
    )


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for side in shape:
        size *= side
    return size
