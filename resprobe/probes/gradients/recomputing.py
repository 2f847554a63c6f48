"""Whether what blocks keep for the way back fits into memory, or is computed again on the way."""

from __future__ import annotations

from math import prod

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from resprobe.chain import Chain
from resprobe.chain.chain import Step
from resprobe.datasets import Batches

__all__ = ["ROOM", "recomputed", "recomputes"]

ROOM = 2**32  # bytes that blocks may keep of a batch, by estimate

_KEPT = 5  # tensors of the size of a block's output: its layers' inputs, the sum, the output


def recomputes(chain: Chain, data: Batches) -> bool:
    """Tell whether the largest batch would keep more than :data:`ROOM`.

    Blocks then keep their input alone, and are run once more when the gradient comes back: a
    third more time, the same numbers.
    """
    elements = 0
    for step in chain.steps:
        assert isinstance(step, Step)
        elements += prod(step.out_shape)
    return 4 * _KEPT * elements * max(data.sizes) > ROOM


def recomputed(module: nn.Module, x: Tensor) -> Tensor:
    """Run a module without keeping more than ``x``; the way back runs it again.

    Statistics that BatchNorm keeps are updated both times: restore them.
    """
    # random numbers are not put back: in a probe no module draws any
    out: Tensor = checkpoint(module, x, use_reentrant=False, preserve_rng_state=False)
    return out
