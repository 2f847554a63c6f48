"""One block in one forward pass, and in the backward pass that follows."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from resprobe.monitor.hooks import on_gradient
from resprobe.monitor.places import BlockPlaces
from resprobe.monitor.reductions import image_norms, total
from resprobe.monitor.sums import Sums

__all__ = ["Crossing", "ResidualCrossing"]


class Crossing:
    """Reduces what passes at a block without shortcut: its response, and its gradient.

    Nothing but norms is kept, because the next line of the model may write into a tensor that
    has just been seen: after ``out += shortcut(x)`` the output of the last BatchNorm is the sum.

    Parameters
    ----------
    number : int
        Of the block.
    places : BlockPlaces
        Where it is.
    sums : Sums
        What the numbers are added to.
    per_pass : int or None
        How many images are looked at, from the first on; None for all.
    """

    def __init__(
        self, number: int, places: BlockPlaces, sums: Sums, *, per_pass: int | None
    ) -> None:
        self.number, self.places, self.sums, self.per_pass = number, places, sums, per_pass
        self.images = 0
        self.branch_norms: Tensor | None = None

    def enter(self, x: Tensor) -> None:
        """See x as it goes in."""
        self.images = self._count(x)
        on_gradient(x, self._whole)

    def respond(self, response: Tensor) -> None:
        """See F(x), or a plain block's last response."""
        factor = self.places.factor
        norms, whole = self._norms(response), total(response, first=self.per_pass)
        if factor != 1:
            norms, whole = abs(factor) * norms, factor * whole
        self.branch_norms = norms
        self._add("elements", len(norms) * math.prod(response.shape[1:]))
        self._see("response", whole)

    def end(self) -> None:
        """Add up what the forward pass has shown."""
        self._add("images", self.images)
        if self.branch_norms is not None:
            self._add("branch_images", self.images)
            self._see("branch_norm", self.branch_norms)

    def _whole(self, gradient: Tensor) -> None:
        norms = self._norms(gradient)
        self._add("input_images", len(norms))
        self._see("input", norms)

    def _count(self, x: Tensor) -> int:
        return len(x) if self.per_pass is None else min(len(x), self.per_pass)

    def _norms(self, x: Tensor) -> Tensor:
        return image_norms(x, first=self.per_pass)

    def _add(self, column: str, value: float) -> None:
        self.sums.add(self.number, column, value)

    def _see(self, column: str, values: Tensor) -> None:
        self.sums.see(self.number, column, values)


class ResidualCrossing(Crossing):
    """Reduces what passes at a residual block: the two paths, and the gradient through each.

    Where one path enters by no module of its own, its part is the whole gradient less the other
    part, and that one is kept until autograd has added up the whole.
    """

    def __init__(
        self, number: int, places: BlockPlaces, sums: Sums, *, per_pass: int | None
    ) -> None:
        super().__init__(number, places, sums, per_pass=per_pass)
        self.shortcut_norms: Tensor | None = None
        self._splits_identity = places.identity_at_sum or places.by_shortcut is not None
        self._subtracts = not (self._splits_identity and places.by_branch)
        self._identity: Tensor | None = None
        self._residual: Tensor | None = None
        self._part: Tensor | None = None

    def enter(self, x: Tensor) -> None:
        """See x as it goes in."""
        super().enter(x)
        if self.places.shortcut_is_input:
            self.shortcut_norms = self._norms(x)
        elif self.places.shortcut is None:
            shortcut: nn.Module = self.places.block.get_submodule("shortcut")
            with torch.no_grad():
                self.shortcut_norms = image_norms(shortcut(x[: self.per_pass]))

    def pass_shortcut(self, shortcut: Tensor) -> None:
        """See s(x)."""
        self.shortcut_norms = self._norms(shortcut)

    def respond(self, response: Tensor) -> None:
        """See F(x)."""
        super().respond(response)
        if self.places.identity_at_sum:
            on_gradient(response, self._identity_part)

    def enter_branch(self, x: Tensor) -> Tensor:
        """Give the branch a view of x: what comes back through it is the residual part."""
        view = x.view_as(x)
        on_gradient(view, self._residual_part)
        return view

    def enter_shortcut(self, x: Tensor) -> Tensor:
        """Give the shortcut a view of x: what comes back through it is the identity part."""
        view = x.view_as(x)
        on_gradient(view, self._identity_part)
        return view

    def end(self) -> None:
        """Add up what the forward pass has shown."""
        super().end()
        if self.shortcut_norms is None:
            return
        self._add("shortcut_images", self.images)
        self._see("shortcut_norm", self.shortcut_norms)
        if self.branch_norms is not None:
            self._add("ratio_images", self.images)
            self._see("ratio", self.branch_norms / self.shortcut_norms)

    def _identity_part(self, gradient: Tensor) -> None:
        self._identity = self._part_norms(gradient)

    def _residual_part(self, gradient: Tensor) -> None:
        self._residual = self._part_norms(gradient)

    def _part_norms(self, gradient: Tensor) -> Tensor:
        if self._subtracts:
            self._part = gradient.detach()[: self.per_pass]
        return self._norms(gradient)

    def _whole(self, gradient: Tensor) -> None:
        super()._whole(gradient)
        identity, residual, part = self._identity, self._residual, self._part
        self._identity = self._residual = self._part = None
        if self.branch_norms is None:  # not computed in this pass: there is nothing to split
            return
        if self._subtracts:
            rest = gradient.detach()[: self.per_pass]
            other = image_norms(rest if part is None else rest - part)
            identity, residual = (identity, other) if self._splits_identity else (other, residual)
        self._add("parts_images", self._count(gradient))
        # a path that no gradient came back through carries none
        if identity is not None:
            self._see("identity", identity)
        if residual is not None:
            self._see("residual", residual)
