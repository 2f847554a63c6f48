"""A chain must compute what its model computes."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from resprobe.chain.chain import Chain
from resprobe.chain.evaluate import TraceError
from resprobe.errors import ChainError, first_line

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


def check_arguments(model: object, example: object) -> None:
    """Raise unless there is a model with weights, and a batch of images to show it."""
    if not isinstance(model, nn.Module):
        raise ChainError(f"a model (torch.nn.Module) was wanted; got a {type(model).__name__}")
    if not isinstance(example, Tensor) or example.dim() < 2 or not len(example):
        shape = tuple(example.shape) if isinstance(example, Tensor) else type(example).__name__
        raise ChainError(f"an example of images (N, C, H, W) was wanted; got {shape}")
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if is_lazy(tensor):
            raise ChainError(f"'{name}' has no shape yet; run the model once, and show it then")


def check(chain: Chain, model: nn.Module, example: Tensor, expected: Tensor) -> None:
    """Compare the chain with the model's own answer and gradient.

    Compared are the answers on the example, on two images more and on images drawn at random,
    and the gradient at one image.

    Raises
    ------
    TraceError
        If one of them differs.
    """
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
    # a size that was written down as a number shows on another batch, luck on other images
    more = torch.cat([example, torch.randn_like(example[:1]), torch.randn_like(example[:1])])
    try:
        equal = _same(chain(example), expected) and _same(chain(more), model(more.clone()))
        alike = equal and _same_gradient(chain, model, more[-1:])
    except Exception as error:
        raise TraceError(
            f"{type(model).__name__} or its chain does not run on {len(more)} images like the "
            f"example ({first_line(error)})"
        ) from error
    if not equal and not _same(model(example.clone()), expected):
        raise ChainError(
            f"{type(model).__name__} answers differently from call to call; a network that draws "
            "or counts while it evaluates cannot be compared with its chain"
        )
    if not equal or not alike:
        what = "computes something else" if not equal else "has another gradient"
        raise TraceError(
            f"{type(model).__name__} {what} than its trace says; a forward that depends on "
            "values, changes a view in place or a gradient on its way, is not supported"
        )


def _same_gradient(chain: Chain, model: nn.Module, x: Tensor) -> bool:
    try:
        expected = _gradient(model, x)
    except RuntimeError:  # a model that changes in place what its own gradient needs has none
        return True
    found = _gradient(chain, x)
    if found is None or expected is None:
        return found is expected
    finite = found.isfinite().all() and expected.isfinite().all()
    # a gradient that left the range of its numbers tells nothing
    return not finite or _same(found, expected)


def _gradient(network: nn.Module, x: Tensor) -> Tensor | None:
    with torch.inference_mode(False), torch.enable_grad():
        leaf = x.clone().requires_grad_()
        answer = network(leaf.clone())
        if not answer.requires_grad:
            return None
        return torch.autograd.grad(answer.sum(), leaf, allow_unused=True)[0]


def _same(found: Tensor, expected: Tensor) -> bool:
    """Equal up to what another order of float operations can change."""
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return False
    share = max(1e-5, 8 * torch.finfo(expected.dtype).eps) if expected.is_floating_point() else 0
    tolerance = share * float(expected.abs().max()) + 1e-12
    return bool(torch.allclose(found, expected, rtol=0, atol=tolerance))
