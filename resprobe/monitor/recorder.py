"""Hooks on a user's modules that reduce what passes to sums, and keep no tensor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import nn

from resprobe.chain import ResidualBlock
from resprobe.chain.state import is_looked_at
from resprobe.errors import ResprobeError
from resprobe.monitor.crossing import Crossing, ResidualCrossing
from resprobe.monitor.doorway import Pass, doorways
from resprobe.monitor.hooks import Hook
from resprobe.monitor.places import BlockPlaces
from resprobe.monitor.sums import Sums

__all__ = ["Recorder"]

SILENT_PASSES = 64
"""Passes without a branch, after which it counts as never computed: a branch that survives
with probability 1/2 is left out so often in a row once in 10^19 times."""


class Recorder:
    """Watches the forward passes of a model, and the backward passes that follow them.

    A pass counts when gradients are enabled, when it is the loop's own and none of a probe, and
    when ``wanted`` says so as it begins.

    Parameters
    ----------
    model : nn.Module
        The user's own, without wrappers.
    places : sequence of BlockPlaces
        Where its blocks are.
    wanted : callable
        Asked at the beginning of every forward pass with gradients.
    per_pass : int or None
        Images that are looked at in each pass, from the first on; None for all.

    Attributes
    ----------
    sums : Sums
        Of all passes since they were taken.
    """

    def __init__(
        self,
        model: nn.Module,
        places: Sequence[BlockPlaces],
        *,
        wanted: Callable[[], bool],
        per_pass: int | None = None,
    ) -> None:
        self.places, self.wanted, self.per_pass = places, wanted, per_pass
        self.sums = Sums(len(places), next(model.parameters()).device)
        self._reached = [False] * len(places)
        self._silent = [0] * len(places)
        self._pass = Pass()
        self._doorways = doorways(places)
        begin, end = Hook(model, self._begin), Hook(model, self._end)
        with ExitStack() as stack:
            # the model's own hooks come first and last, also where a block begins with it
            stack.callback(model.register_forward_pre_hook(begin, prepend=True).remove)
            for doorway in self._doorways:
                for handle in doorway.open(self._pass):
                    stack.callback(handle.remove)
            stack.callback(model.register_forward_hook(end, always_call=True).remove)
            self._hooks_on = stack.pop_all()

    def close(self) -> None:
        """Take every hook off."""
        self._pass.active = False
        self._pass.crossings = []
        self._hooks_on.close()

    def unseen(self) -> list[str]:
        """Return the names of the blocks that no pass has ever reached."""
        pairs = zip(self.places, self._reached, strict=True)
        return [places.block.name for places, reached in pairs if not reached]

    def _begin(self, model: nn.Module, args: Any) -> None:  # noqa: ARG002
        self._pass.active = torch.is_grad_enabled() and not is_looked_at(model) and self.wanted()
        if self._pass.active:
            for places in self.places:
                for setting in places.settings:
                    setting.check(places.block.name)
            self._pass.crossings = [
                self._crossing(number, places) for number, places in enumerate(self.places)
            ]
            for doorway in self._doorways:
                doorway.done = 0

    def _end(self, model: nn.Module, args: Any, output: Any) -> None:  # noqa: ARG002
        crossings, self._pass.crossings = self._pass.crossings, []
        self._pass.active = False
        if output is None:  # a pass that failed leaves nothing
            return
        for doorway in self._doorways if crossings else ():
            doorway.check_calls()
        for number, crossing in enumerate(crossings):
            crossing.end()
            self._reached[number] |= crossing.images > 0
            missed = crossing.branch_norms is None
            self._silent[number] = self._silent[number] + 1 if missed else 0
            if self._silent[number] >= SILENT_PASSES:
                raise ResprobeError(
                    f"the branch of block '{crossing.places.block.name}' was not computed in "
                    f"{SILENT_PASSES} passes in a row ({crossing.places.response} was never "
                    "seen); watch the model in the mode that it is trained in"
                )

    def _crossing(self, number: int, places: BlockPlaces) -> Crossing:
        residual = isinstance(places.block, ResidualBlock)
        kind = ResidualCrossing if residual else Crossing
        return kind(number, places, self.sums, per_pass=self.per_pass)
