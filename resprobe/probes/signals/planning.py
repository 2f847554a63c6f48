"""What following the signals would take."""

from __future__ import annotations

from dataclasses import replace

from resprobe.chain import Chain
from resprobe.datasets import Batches
from resprobe.probes.batch_norm import Statistics
from resprobe.probes.gradients.planning import plan_gradflow
from resprobe.probes.plan import Plan

__all__ = ["plan_initialisation"]


def plan_initialisation(
    chain: Chain, data: Batches, *, draws: int = 1, batch_norm: Statistics = "batch"
) -> Plan:
    """Return what :func:`resprobe.initialisation` would do: a gradient flow for each draw.

    Raises
    ------
    ResprobeError
        As :func:`resprobe.initialisation`.
    """
    once = plan_gradflow(chain, data, batch_norm=batch_norm, labels=False, recompute=False)
    return replace(
        once,
        study="initialisation",
        programs=draws,
        block_evaluations=draws * once.block_evaluations,
        block_evaluations_apart=draws * once.block_evaluations_apart,
        duration_s=draws * once.duration_s,
    )
