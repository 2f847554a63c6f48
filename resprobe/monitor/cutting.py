"""A block whose branch is cut off, so that its gradient comes back by the shortcut alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from resprobe.monitor.crossing import ResidualCrossing
from resprobe.monitor.hooks import on_gradient
from resprobe.monitor.observing import alike
from resprobe.monitor.places import BlockPlaces
from resprobe.monitor.sums import Sums

__all__ = ["CutCrossing"]


class CutCrossing(ResidualCrossing):
    """Takes at one block what must agree if its places show it.

    Parameters
    ----------
    places : BlockPlaces
        Where it is.

    Attributes
    ----------
    cut : Tensor or None
        What goes into the sum in the place of the branch's output, a leaf of its own; None
        where the branch was not computed.
    """

    def __init__(self, places: BlockPlaces) -> None:
        super().__init__(0, places, Sums(1, torch.device("cpu")), per_pass=None)
        self.cut: Tensor | None = None
        self._x = torch.empty(0)
        self._at_input: Tensor | None = None
        self._at_shortcut: Tensor | None = None
        self._at_cut: Tensor | None = None
        self._entered: list[Tensor] = []

    def enter(self, x: Tensor) -> None:
        """See x as it goes in."""
        self._x = x.detach().clone()
        on_gradient(x, self._keep_input)

    def enter_branch(self, x: Tensor) -> Tensor:
        """See what enters the branch."""
        self._entered.append(x.detach().clone())
        return x

    def enter_shortcut(self, x: Tensor) -> Tensor:
        """See what enters the shortcut."""
        self._entered.append(x.detach().clone())
        return x

    def pass_shortcut(self, shortcut: Tensor) -> None:
        """See the gradient at s(x)."""
        on_gradient(shortcut, self._keep_shortcut)

    def respond(self, response: Tensor) -> Tensor:  # type: ignore[override]
        """Cut the branch off."""
        self.cut = response.detach().clone().requires_grad_()
        on_gradient(self.cut, self._keep_cut)
        return self.cut.clone()  # the model may change it in place, which a leaf does not allow

    def compute_shortcut(self) -> None:
        """Compute the gradient by a shortcut that no module gives the output of."""
        if self.places.shortcut or self.places.shortcut_is_input or self._at_cut is None:
            return
        x = self._x.clone().requires_grad_()
        shortcut: nn.Module = self.places.block.get_submodule("shortcut")
        at_sum = self._at_cut / self.places.factor
        (self._at_shortcut,) = torch.autograd.grad(shortcut(x), x, at_sum)

    @property
    def is_computed(self) -> bool:
        """Whether the branch was."""
        return self.cut is not None

    @property
    def is_finite(self) -> bool:
        """Whether all gradients are finite."""
        kept = (self._at_cut, self._at_shortcut, self._at_input)
        return all(bool(gradient.isfinite().all()) for gradient in kept if gradient is not None)

    def adds_up(self) -> bool:
        """Tell whether the gradients are those of the block's sum, and both paths take its x."""
        if not all(alike(x, self._x) for x in self._entered):
            return False
        if self.places.shortcut is not None:
            by_shortcut, expected = self._at_shortcut, self._at_cut
        elif self.places.shortcut_is_input:
            by_shortcut, expected = self._at_input, self._at_cut
        else:
            return alike(self._at_input, self._at_shortcut)
        if by_shortcut is None:
            return False
        return alike(expected, self.places.factor * by_shortcut)

    def _keep_input(self, gradient: Tensor) -> None:
        self._at_input = gradient.detach().clone()

    def _keep_shortcut(self, gradient: Tensor) -> None:
        self._at_shortcut = gradient.detach().clone()

    def _keep_cut(self, gradient: Tensor) -> None:
        self._at_cut = gradient.detach().clone()
