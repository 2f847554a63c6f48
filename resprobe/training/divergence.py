"""Where numbers stop being finite."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from resprobe.errors import ResprobeError

if TYPE_CHECKING:
    from resprobe.training.loop import Loop

__all__ = ["ONLY_THE_LOSS", "Diverged", "check_weights", "culprit"]


ONLY_IMAGES = "the images themselves are not finite once normalised"
ONLY_THE_LOSS = "every layer's output is finite, only the loss is not"


class Diverged(ResprobeError):
    """A training whose loss is NaN or infinite (exit code 1).

    Parameters
    ----------
    what : str
        Which loss, and what it is: "the loss is nan".
    iteration : int
        Iterations done, the one that failed among them.
    rate : float
        Its learning rate.
    where : str
        The first thing that is not finite, as :func:`culprit` says it.
    """

    def __init__(self, what: str, *, iteration: int, rate: float, where: str) -> None:
        super().__init__(
            f"training diverged: {what} at iteration {iteration} (learning rate {rate:g}); "
            f"{where}; lower the learning rate or warm up first"
        )


def check_weights(loop: Loop) -> None:
    """Raise Diverged if a step left a weight or a running statistic that is not finite."""
    stale = _first_not_finite(loop.model.state_dict())
    if stale:
        raise Diverged(
            "the step left values that are not finite",
            iteration=loop.iteration,
            rate=loop.learning_rate,
            where=f"they are in {stale}",
        )


def _spoilt_before(model: nn.Module, x: Tensor) -> str:
    """Say what was not finite before the pass began, "" for nothing."""
    if not torch.isfinite(x).all():
        return ONLY_IMAGES
    # in training mode the pass that failed has spoilt the running statistics itself
    values = dict(model.named_parameters()) if model.training else model.state_dict()
    stale = _first_not_finite(values)
    if not stale:
        return ""
    return f"the steps before left values that are not finite in the network, as in {stale}"


def _first_not_finite(values: Mapping[str, Tensor]) -> str:
    """Name the first tensor that is not finite, "" for none."""
    for name, value in values.items():
        if not torch.isfinite(value).all():
            return name
    return ""


class _Found(Exception):
    """Ends a forward pass early."""


@torch.no_grad()
def culprit(model: nn.Module, x: Tensor, *, together: bool = False) -> str:
    """Say which part of a network first gives a value that is not finite.

    Parameters
    ----------
    model : nn.Module
        In the mode in which it failed; its hooks are left as they were.
    x : Tensor
        (B, C, H, W), what it failed on.
    together : bool
        Whether other processes look at the same moment: the pass then runs to its end, for
        layers that take their statistics from all of them.

    Returns
    -------
    str
        A clause: the images, a weight, the first layer, or the loss alone.

    Examples
    --------
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    >>> _ = nn.init.constant_(model[1].weight, 2.0)
    >>> culprit(model, torch.full((1, 1, 2, 2), 3e38))
    'the first layer whose output is not finite is 1 (Linear)'
    """
    spoilt = _spoilt_before(model, x)
    if spoilt and not together:
        return spoilt
    names = {module: name for name, module in model.named_modules()}
    found: list[str] = []

    def look(module: nn.Module, _inputs: object, output: object) -> None:
        if isinstance(output, Tensor) and not torch.isfinite(output).all():
            found.append(f"{names[module] or 'the network'} ({type(module).__name__})")
            if not together:
                raise _Found

    handles = [module.register_forward_hook(look) for module in model.modules()]
    try:
        with contextlib.suppress(_Found):
            model(x)
    finally:
        for handle in handles:
            handle.remove()
    if spoilt:
        return spoilt
    return f"the first layer whose output is not finite is {found[0]}" if found else ONLY_THE_LOSS
