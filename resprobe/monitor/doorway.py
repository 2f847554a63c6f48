"""A module that blocks are seen at, and what is looked at as tensors go in and come out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from resprobe.errors import ResprobeError
from resprobe.monitor.crossing import Crossing
from resprobe.monitor.hooks import Hook
from resprobe.monitor.places import BlockPlaces, Place, replaced, tensor_at

__all__ = ["Doorway", "Pass", "doorways"]

# may return a tensor to put in the place of the one that it saw
See = Callable[[Any, Tensor], Tensor | None]


@dataclass
class Pass:
    """The forward pass under way: its blocks' crossings, and whether it is looked at."""

    crossings: list[Crossing] = field(default_factory=list)
    active: bool = False


class Doorway:
    """The hooks of one module.

    Parameters
    ----------
    place : Place
        Of the module, any of them.
    """

    def __init__(self, place: Place) -> None:
        self.module, self.path, self.calls = place.module, place.path, place.calls
        self.done = 0
        self._without_gradients = False
        self._arriving: list[tuple[int, int | str, int, See]] = []
        self._leaving: list[tuple[int, int, See]] = []
        self._pass = Pass()

    def look(self, place: Place, block: int, see: See) -> None:
        """Let ``see`` have what passes at a place of this module, for a block."""
        if place.argument is None:
            self._leaving.append((place.call, block, see))
        else:
            self._arriving.append((place.call, place.argument, block, see))

    def open(self, under_way: Pass) -> list[RemovableHandle]:
        """Put the hooks on the module; they look while the pass is active."""
        self._pass = under_way
        arrive, leave = Hook(self.module, self._arrive), Hook(self.module, self._leave)
        handles = [self.module.register_forward_pre_hook(arrive, with_kwargs=True)]
        if self._leaving:
            handles.append(self.module.register_forward_hook(leave))
        return handles

    def check_calls(self) -> None:
        """Raise where the module was called more or less often than when the places were found."""
        if self.done not in (0, self.calls):
            raise ResprobeError(
                f"'{self.path}' was called {self.done} times in a forward pass and {self.calls} "
                "times in the one that the blocks were found in, so that its calls cannot be told "
                "apart; give every block a module of its own"
            )

    def _arrive(self, module: nn.Module, args: Any, kwargs: Any) -> Any:  # noqa: ARG002
        if not self._pass.active:
            self._check_rerun()
            return None
        self._without_gradients = not torch.is_grad_enabled()
        now, self.done = self.done, self.done + 1
        for call, argument, block, see in self._arriving:
            x = tensor_at(argument, args, kwargs) if call == now else None
            view = None if x is None else self._show(block, see, x)
            if x is not None and view is not None:
                args, kwargs = replaced(args, kwargs, x, view)
        return args, kwargs

    def _leave(self, module: nn.Module, args: Any, output: Any) -> Any:  # noqa: ARG002
        if self._pass.active and isinstance(output, Tensor):
            for call, block, see in self._leaving:
                if call == self.done - 1:
                    shown = self._show(block, see, output)
                    output = output if shown is None else shown
            return output
        return None

    def _check_rerun(self) -> None:
        """Raise in a backward pass that runs again, with gradients, what was run without."""
        if not (self._without_gradients and torch.is_grad_enabled()):
            return
        if torch._C._current_graph_task_id() >= 0:
            raise ResprobeError(
                f"'{self.path}' is run by an activation checkpoint whose backward pass is one of "
                "its own, in which gradients cannot be split; pass use_reentrant=False to it"
            )

    def _show(self, block: int, see: See, x: Tensor) -> Tensor | None:
        # a shortcut that is computed once more may run modules that are watched
        self._pass.active = False
        view = see(self._pass.crossings[block], x)
        self._pass.active = True
        return view


def doorways(places: Sequence[BlockPlaces]) -> list[Doorway]:
    """Return the modules that blocks are seen at; x is seen there before views of it are made."""
    found: dict[int, Doorway] = {}
    for name, see in (
        ("input", lambda crossing, x: crossing.enter(x)),
        ("by_shortcut", lambda crossing, x: crossing.enter_shortcut(x)),
        ("by_branch", lambda crossing, x: crossing.enter_branch(x)),
        ("shortcut", lambda crossing, x: crossing.pass_shortcut(x)),
        ("response", lambda crossing, x: crossing.respond(x)),
    ):
        for block, of_block in enumerate(places):
            place: Place | None = getattr(of_block, name)
            if place is not None:
                doorway = found.setdefault(id(place.module), Doorway(place))
                doorway.look(place, block, see)
    return list(found.values())
