"""How large a network is and what one forward pass costs.

Parameters are the trainable values, those of BN included. Multiply-adds are of convolutions,
linear layers and matrix products, what He et al. 2015 call FLOPs; normalisation, activations,
pooling, sums and biases are left out, which in a residual network are a few per cent. Both are
counted on the ``meta`` device, where nothing is allocated or computed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.func import functional_call

__all__ = ["count_parameters", "multiply_adds"]


def count_parameters(module: nn.Module) -> int:
    """Return the number of trainable values, each shared one counted once."""
    return sum(parameter.numel() for parameter in module.parameters())


def multiply_adds(module: nn.Module, example: Tensor) -> int:
    """Return the multiply-adds of one forward pass in eval mode over the whole of ``example``.

    The module is left as it is. It is run with stand-ins for its weights, for on a real device
    attention can be one operation that hides the products in it.

    Examples
    --------
    >>> multiply_adds(nn.Linear(64, 10), torch.empty(1, 64))
    640
    """
    from torch.utils.flop_counter import FlopCounterMode  # imports triton where it is installed

    named = [
        *module.named_parameters(remove_duplicate=False),
        *module.named_buffers(remove_duplicate=False),
    ]
    stand_ins = {name: tensor.detach().to("meta") for name, tensor in named}
    with _in_eval_mode(module), FlopCounterMode(display=False) as counter, torch.no_grad():
        functional_call(module, stand_ins, (example.to("meta"),), tie_weights=False)
    return int(counter.get_total_flops()) // 2


@contextmanager
def _in_eval_mode(module: nn.Module) -> Iterator[None]:
    training = [part for part in module.modules() if part.training]
    for part in training:
        part.training = False
    try:
        yield
    finally:
        for part in training:
            part.training = True
