"""What reading out would take."""

from __future__ import annotations

import torch

from resprobe.chain import Chain, left_as_found
from resprobe.datasets import Batches
from resprobe.probes.gradients.planning import plan_gradflow
from resprobe.probes.plan import Plan, sample, timed
from resprobe.probes.readouts.estimation import stage_ends
from resprobe.probes.readouts.exits import exits_of
from resprobe.probes.readouts.features import features_of
from resprobe.probes.readouts.looking import features, look
from resprobe.probes.readouts.reading import PENALTY, STABLE, check_readout

__all__ = ["plan_readout"]

_NUMBER = 8  # bytes of a float64


def plan_readout(chain: Chain, data: Batches, *, fit: Batches | None = None) -> Plan:
    """Return what :func:`resprobe.readout` would do; a few images are run forward and back.

    Raises
    ------
    ResprobeError
        As :func:`resprobe.readout`.
    """
    check_readout(chain, data, fit, penalty=PENALTY, stable=STABLE)
    exits, ends = exits_of(chain), stage_ends(chain)
    x = sample(data)
    y = torch.zeros(len(x), dtype=torch.long, device=x.device)
    with left_as_found(chain, training=False, requires_grad=False):

        def both(x: torch.Tensor) -> torch.Tensor:
            look(chain, x, y, exits=exits, ends=ends, probes=None)
            return x

        seconds = timed(both, x)[0] * data.n
        if fit is not None:
            seconds += timed(lambda x: features(chain, x)[-1], x)[0] * fit.n
    steps, readable = len(chain.steps), len(exits)
    cut = sum(map(len, exits.links))
    widths = [features_of(block.out_shape) for block in chain.blocks] if fit else []
    sums = _NUMBER * sum(width * (width + chain.classes) for width in widths)
    return Plan(
        study="readout: head and cosine" + (f", probes fitted on {fit.n:,} images" if fit else ""),
        images=data.n,
        programs=1 + readable + (fit is not None),
        block_evaluations=steps + cut,
        block_evaluations_apart=readable * steps,
        duration_s=seconds / len(x),
        memory_bytes=plan_gradflow(chain, data, recompute=False).memory_bytes
        + sums + (fit.data.nbytes if fit else 0),
    )  # fmt: skip
