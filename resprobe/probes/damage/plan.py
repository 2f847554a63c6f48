"""What correlating size and damage would take."""

from __future__ import annotations

from resprobe.chain import Chain
from resprobe.datasets import Batches
from resprobe.probes.damage.predictors import SETS, check_sets, image_sets
from resprobe.probes.gradients.planning import plan_gradflow
from resprobe.probes.lesions import plan_lesion
from resprobe.probes.plan import Plan

__all__ = ["plan_predictors"]


def plan_predictors(chain: Chain, data: Batches, *, sets: int = SETS) -> Plan:
    """Return what :func:`resprobe.predictors` would do: its three measurements of every set.

    Raises
    ------
    ResprobeError
        As :func:`resprobe.predictors`.
    """
    check_sets(chain, data, sets)
    part = image_sets(data, sets, seed=0)[0]
    lesions, gradients = plan_lesion(chain, part), plan_gradflow(chain, part)
    # the norms of both paths: one forward pass, about a third of a forward and backward one
    seconds = lesions.duration_s + 4 / 3 * gradients.duration_s
    once = len(chain.steps)
    return Plan(
        study=f"predictors: single deletions, gradient flow and norms of {sets} image sets",
        images=data.n,
        programs=lesions.programs + 2,
        block_evaluations=lesions.block_evaluations + 2 * once,
        block_evaluations_apart=lesions.block_evaluations_apart + 2 * once,
        duration_s=seconds * data.n / part.n,
        memory_bytes=max(lesions.memory_bytes, gradients.memory_bytes)
        + data.data.nbytes - part.data.nbytes,
    )  # fmt: skip
