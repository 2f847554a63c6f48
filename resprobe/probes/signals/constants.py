"""BatchNorm with the statistics of the batch, which a gradient takes for constants."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from torch import nn

from resprobe.chain import Chain, use_batch_statistics
from resprobe.probes.signals.moments import moments_of

__all__ = ["batch_statistics_as_constants"]


@contextlib.contextmanager
def batch_statistics_as_constants(chain: Chain) -> Iterator[None]:
    """Let every BatchNorm normalise by its batch, as in training mode, and pass no gradient on it.

    Each BatchNorm is in eval mode, and its running statistics are set to those of the batch just
    before it runs; so the gradient of one image does not depend on the others. Call inside
    :func:`~resprobe.chain.left_as_found`, which puts the running statistics back.

    Raises
    ------
    ChainError
        If a BatchNorm is called as a function.
    """
    use_batch_statistics(chain)
    hooks = []
    for module in chain.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.training = False
            hooks.append(module.register_forward_pre_hook(_take_statistics))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _take_statistics(module: nn.Module, args: tuple[Any, ...]) -> None:
    x = args[0].detach()
    # set anew, not written on: a backward pass may still need those of an earlier call
    module.running_mean, module.running_var = (part.to(x) for part in moments_of(x, channel=1))
