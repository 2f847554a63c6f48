"""Leave a user's model as it was found."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator
from operator import is_
from typing import Any

import torch
from torch import Tensor, fx, nn

from resprobe.chain.operations import operation, where
from resprobe.errors import ChainError

__all__ = ["has_batch_norm", "is_looked_at", "left_as_found", "use_batch_statistics"]

_looked_at: Counter[int] = Counter()


def is_looked_at(model: nn.Module) -> bool:
    """Whether a model is inside :func:`left_as_found`: its passes are none of its user's.

    Examples
    --------
    >>> model = nn.Identity()
    >>> with left_as_found(model, training=False):
    ...     inside = is_looked_at(model)
    >>> inside, is_looked_at(model)
    (True, False)
    """
    return _looked_at[id(model)] > 0


@contextlib.contextmanager
def left_as_found(
    model: nn.Module, *, training: bool, requires_grad: bool | None = None
) -> Iterator[None]:
    """Set the mode for the length of a ``with``, and put everything back by whatever door.

    Modes, ``requires_grad``, buffers (the running statistics that BatchNorm moves in training
    mode) and whatever else a forward may write on its modules (attributes, entries of lists and
    dictionaries) are restored. ``.grad`` and the random state are not touched: probes use
    :func:`torch.autograd.grad` and draw nothing. A caller's inference mode is left meanwhile.

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
    found = [_Found(vars(module)) for module, _ in modes]
    flags = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    kept = [(buffer, buffer.clone()) for buffer in model.buffers()]
    looked_at = Counter(id(module) for module, _ in modes)
    _looked_at.update(looked_at)
    try:
        for module, _ in modes:
            module.training = training
        if requires_grad is not None:
            _set_requires_grad((p, requires_grad) for p, _ in flags if p.is_floating_point())
        with _gradients_possible():
            yield
    finally:
        _looked_at.subtract(looked_at)
        for gone in [number for number in looked_at if not _looked_at[number]]:
            del _looked_at[gone]
        for before in found:
            before.put_back()
        for module, mode in modes:
            module.training = mode
        _set_requires_grad(flags)
        _restore(kept)


def _gradients_possible() -> contextlib.AbstractContextManager[object]:
    """Leave a caller's inference mode, in which no gradient can be asked for."""
    if torch.is_inference_mode_enabled():
        return torch.inference_mode(False)
    return contextlib.nullcontext()


Container = list[Any] | dict[Any, Any] | set[Any]


class _Found:
    """A module's attributes, and what those hold that are containers."""

    def __init__(self, attributes: dict[str, Any]) -> None:
        self._attributes, self._values = attributes, attributes.copy()
        held = [value for value in attributes.values() if isinstance(value, (list, dict, set))]
        self._contents = [(value, _content(value)) for value in held]

    def put_back(self) -> None:
        for name in self._attributes.keys() - self._values.keys():
            del self._attributes[name]
        self._attributes.update(self._values)
        for value, content in self._contents:
            if isinstance(value, list):
                value[:] = content
            elif not _same_content(value, content):
                value.clear()
                value.update(content)


def _content(value: Container) -> Container:
    """Copy a container plainly.

    A module has a dozen ordered dictionaries of hooks, mostly empty: an empty plain one costs
    the garbage collector nothing.
    """
    if isinstance(value, list):
        return list(value)
    return dict(value) if isinstance(value, dict) else set(value)


def _same_content(value: Any, content: Any) -> bool:
    """Compare by identity: to compare tensors is to compute."""
    if len(value) != len(content) or isinstance(value, set):
        return False
    return all(map(is_, value, content)) and all(map(is_, value.values(), content.values()))


def _set_requires_grad(flags: Iterable[tuple[nn.Parameter, bool]]) -> None:
    for parameter, flag in flags:
        if parameter.requires_grad != flag:
            parameter.requires_grad_(flag)


@torch.no_grad()
def _restore(kept: Iterable[tuple[Tensor, Tensor]]) -> None:
    for buffer, value in kept:
        # a backward pass of the user's that is still to come may have saved it
        if not (buffer.is_meta or torch.equal(buffer, value)):
            buffer.copy_(value)


def has_batch_norm(chain: nn.Module) -> bool:
    """Whether there is a BatchNorm, so that it matters whose statistics are used."""
    return any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in chain.modules())


def use_batch_statistics(chain: nn.Module) -> None:
    """Let every BatchNorm use the statistics of the batch; call inside :func:`left_as_found`.

    Raises
    ------
    ChainError
        If a BatchNorm is called as a function, whose mode was settled when it was traced.
    """
    for module in chain.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.training = True
        elif isinstance(module, fx.GraphModule):
            norms = (n for n in module.graph.nodes if "batch_norm" in operation(n))
            # a norm of weights, which carries no images, is weight standardisation
            fixed = next((n for n in norms if n.meta["carries"]), None)
            if fixed is not None:
                raise ChainError(
                    f"the BatchNorm at '{where(fixed)}' is called as a function, whose statistics "
                    "were settled when the model was traced; use the running ones"
                )
