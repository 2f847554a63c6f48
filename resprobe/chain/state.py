"""Leave a user's model as it was found."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import nn

__all__ = ["left_as_found"]


@contextlib.contextmanager
def left_as_found(
    model: nn.Module, *, training: bool, requires_grad: bool | None = None
) -> Iterator[None]:
    """Set the mode for the length of a ``with``, and put everything back by whatever door.

    Modes, ``requires_grad`` and buffers (the running statistics that BatchNorm moves in
    training mode) are restored. ``.grad`` and the random state are not touched: probes use
    :func:`torch.autograd.grad` and draw nothing.

    Parameters
    ----------
    model : nn.Module
        Its modules may be shared with another; they are restored there too.
    training : bool
        The mode inside the ``with``.
    requires_grad : bool, optional
        What every parameter's ``requires_grad`` is inside the ``with``; as found by default.

    Examples
    --------
    >>> model = nn.BatchNorm1d(1)
    >>> with left_as_found(model, training=False, requires_grad=False):
    ...     inside = model.training, model.weight.requires_grad
    >>> inside, (model.training, model.weight.requires_grad)
    ((False, False), (True, True))
    """
    modes = [(module, module.training) for module in model.modules()]
    flags = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    kept = [(buffer, buffer.clone()) for buffer in model.buffers()]
    try:
        for module, _ in modes:
            module.training = training
        if requires_grad is not None:
            for parameter, _ in flags:
                parameter.requires_grad_(requires_grad)
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        for parameter, flag in flags:
            parameter.requires_grad_(flag)
        with torch.no_grad():
            for buffer, value in kept:
                # a backward pass of the user's that is still to come may have saved it
                if not (buffer.is_meta or torch.equal(buffer, value)):
                    buffer.copy_(value)
