"""A chain must compute what its model computes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from resprobe.chain.chain import Chain
from resprobe.chain.trace import TraceError, first_line
from resprobe.errors import ChainError

__all__ = ["answer", "check"]


def answer(model: nn.Module, example: Tensor) -> Tensor:
    """Return what the model makes of the example; raise where that is no tensor."""
    try:
        with torch.no_grad():
            found = model(example.clone())  # a model may change its input in place
    except Exception as error:
        raise ChainError(
            f"{type(model).__name__} does not run on an example of shape {tuple(example.shape)} "
            f"({first_line(error)}); its forward must take one tensor, images of a size that it "
            "is made for"
        ) from error
    if not isinstance(found, Tensor):
        raise ChainError(
            f"{type(model).__name__} returns more than one value (a {type(found).__name__}); "
            "wrap it in a module that returns the logits"
        )
    return found


def check(chain: Chain, model: nn.Module, example: Tensor, expected: Tensor) -> None:
    """Compare the chain with the model's own answer, also for another number of images."""
    if not expected.isfinite().all():
        # deep networks at initialisation overflow under BN's initial running statistics
        for module in model.modules():
            module.training = isinstance(module, nn.modules.batchnorm._BatchNorm)
        expected = model(example.clone())
    if not expected.isfinite().all():
        raise ChainError(
            f"{type(model).__name__} gives values that are not finite on the example, so that "
            "the chain cannot be checked against it; check the weights and the normalisation"
        )
    more = torch.cat([example, *[example[:1]] * 2])
    try:
        equal = _same(chain(example), expected) and _same(chain(more), model(more.clone()))
    except RuntimeError as error:
        raise TraceError(
            f"{type(model).__name__} or its chain does not run on {len(more)} images like the "
            f"example ({first_line(error)})"
        ) from error
    if not equal:
        raise TraceError(
            f"{type(model).__name__} computes something else than its trace says; a forward "
            "that depends on values, or changes a view in place, is not supported"
        )


def _same(found: Tensor, expected: Tensor) -> bool:
    """Equal up to what another order of float operations can change."""
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return False
    tolerance = 1e-4 * float(expected.abs().max()) + 1e-12
    return bool(torch.allclose(found, expected, rtol=0, atol=tolerance))
