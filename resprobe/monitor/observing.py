"""Run a model with a hook on every module, and note where known values are seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from resprobe.monitor.hooks import on_gradient
from resprobe.monitor.places import Place, replaced
from resprobe.monitor.references import BlockReference, loss_of

__all__ = ["Sighting", "alike", "observe"]


@dataclass
class Sighting:
    """One value of one block, seen at one place.

    Attributes
    ----------
    what : str
        The name of the value in :class:`BlockReference`.
    time : int
        Counts the tensors that were looked at.
    factor : float
        What the tensor is to be multiplied by to give the value; 1 but for a branch's output.
    whole : Tensor or None
        The gradient at the tensor itself, over all that it is used for.
    through : Tensor or None
        For an argument: the gradient that comes back through this module alone.
    """

    block: int
    what: str
    place: Place
    time: int = 0
    factor: float = 1.0
    whole: Tensor | None = None
    through: Tensor | None = None

    @property
    def is_output(self) -> bool:
        """Whether a module returned the value."""
        return self.place.argument is None

    @property
    def passes_on(self) -> bool:
        """Whether the module returns what it takes, in every mode."""
        module = self.place.module
        empty = isinstance(module, nn.Sequential) and not len(module)
        return isinstance(module, nn.Identity) or empty


@dataclass(frozen=True)
class _Known:
    block: int
    what: str
    value: Tensor
    print_: float
    norm: float


def alike(found: Tensor | None, expected: Tensor | None, *, share: float = 1e-4) -> bool:
    """Whether two tensors are equal up to the rounding of another order of operations."""
    if found is None or expected is None or found.shape != expected.shape:
        return False
    share = max(share, 8 * torch.finfo(expected.dtype).eps)
    gap = float((found - expected).abs().max())
    return gap <= share * float(expected.abs().max())


def observe(model: nn.Module, images: Tensor, known: Sequence[BlockReference]) -> list[Sighting]:
    """Run a model forwards and backwards; return where the known values were seen.

    A module that takes a block's input gets a view of it, so that the gradient through that
    module can be told from the others. Sightings are in the order of time.
    """
    observer = _Observer(known)
    with ExitStack() as stack:
        for path, module in model.named_modules():
            if isinstance(module, torch.jit.ScriptModule):
                continue
            arrive = partial(observer.arrive, path)
            before = module.register_forward_pre_hook(arrive, with_kwargs=True)
            stack.callback(before.remove)
            stack.callback(module.register_forward_hook(partial(observer.leave, path)).remove)
        leaf = images.detach().clone().requires_grad_()
        # a model may change its input in place, which a leaf does not allow
        torch.autograd.grad(loss_of(model(leaf.clone())), leaf)
    for sighting in observer.sightings:
        calls = observer.calls[sighting.place.path]
        sighting.place = replace(sighting.place, calls=calls)
    return observer.sightings


class _Observer:
    def __init__(self, known: Sequence[BlockReference]) -> None:
        self.sightings: list[Sighting] = []
        self._time = -1
        self.calls: Counter[str] = Counter()
        self._open: dict[str, list[int]] = {}
        self._probes: dict[torch.Size, Tensor] = {}
        self._known: dict[torch.Size, list[_Known]] = {}
        for block, reference in enumerate(known):
            for what in ("input", "response", "shortcut"):
                value = getattr(reference, what)
                if value is not None:
                    entry = _Known(block, what, value, *self._prints(value))
                    self._known.setdefault(value.shape, []).append(entry)

    def arrive(self, path: str, module: nn.Module, args: Any, kwargs: Any) -> Any:
        """See the arguments of a module; give it a view of each that is a block's input."""
        call = self.calls[path]
        self.calls[path] += 1
        self._open.setdefault(path, []).append(call)
        for argument, value in [*enumerate(args), *kwargs.items()]:
            if not isinstance(value, Tensor):
                continue
            seen = self._see(value, Place(module, path, call, argument))
            if any(sighting.what == "input" for sighting in seen) and value.requires_grad:
                view = value.view_as(value)
                for sighting in seen:
                    on_gradient(view, partial(_keep, sighting, "through"))
                args, kwargs = replaced(args, kwargs, value, view)
        return args, kwargs

    def leave(self, path: str, module: nn.Module, args: Any, output: Any) -> None:  # noqa: ARG002
        """See what a module returns."""
        call = self._open[path].pop()
        if isinstance(output, Tensor):
            self._see(output, Place(module, path, call, None))

    def _see(self, value: Tensor, place: Place) -> list[Sighting]:
        self._time += 1
        seen = [
            Sighting(known.block, known.what, place, self._time, factor)
            for known, factor in self._matches(value.detach())
        ]
        for sighting in seen:
            on_gradient(value, partial(_keep, sighting, "whole"))
        self.sightings += seen
        return seen

    def _matches(self, value: Tensor) -> list[tuple[_Known, float]]:
        candidates = self._known.get(value.shape, [])
        if not candidates or not value.is_floating_point():
            return []
        print_, norm = self._prints(value)
        found = []
        for known in candidates:
            # parallel tensors have parallel prints
            if abs(abs(print_) * known.norm - abs(known.print_) * norm) > 1e-2 * norm * known.norm:
                continue
            factor = _factor(value, known)
            if factor is not None and alike(factor * value, known.value):
                found.append((known, factor))
        return found

    def _prints(self, value: Tensor) -> tuple[float, float]:
        """Return the product with random numbers, which tells most tensors apart, and the norm."""
        if value.shape not in self._probes:
            generator = torch.Generator().manual_seed(2)
            self._probes[value.shape] = torch.randn(value.shape, generator=generator).double()
        wide = value.detach().cpu().double()
        return float((wide * self._probes[value.shape]).sum()), float(wide.norm())


def _factor(value: Tensor, known: _Known) -> float | None:
    """Return what to multiply a tensor by; only of a branch another factor than 1 is allowed."""
    if known.what != "response" or alike(value, known.value):
        return 1.0
    square = float(value.double().square().sum())
    return float((value.double() * known.value.double()).sum()) / square if square else None


def _keep(sighting: Sighting, name: str, gradient: Tensor) -> None:
    setattr(sighting, name, gradient.detach().clone())
