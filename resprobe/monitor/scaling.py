"""What a GradScaler has done to a loss, and whether it left a step out."""

from __future__ import annotations

import torch

__all__ = ["LossScale"]


class LossScale:
    """Follows the scale of a :class:`torch.amp.GradScaler`.

    A step that the scaler leaves out, since a gradient overflowed, never reaches the optimiser.
    It shows afterwards, when the scale has become smaller.

    Parameters
    ----------
    scaler : torch.amp.GradScaler or None
        None where the loss is not scaled.
    optimiser : torch.optim.Optimizer
        Whose steps it takes.
    """

    def __init__(
        self, scaler: torch.amp.GradScaler | None, optimiser: torch.optim.Optimizer
    ) -> None:
        self._scaler, self._optimiser = scaler, optimiser
        self._seen = self.value
        self._expects_drop = False

    @property
    def value(self) -> float:
        """What losses are multiplied by now; 1 without a scaler."""
        return float(self._scaler.get_scale()) if self._scaler is not None else 1.0

    @property
    def in_gradients(self) -> float:
        """What the parameters' gradients are still multiplied by when the optimiser steps.

        The scaler divides them beforehand, but for fused optimisers, which do so themselves.
        """
        scale = getattr(self._optimiser, "grad_scale", None) if self._scaler is not None else None
        return 1.0 if scale is None else float(scale)

    def overflows(self) -> bool:
        """Tell, as a fused optimiser begins a step, whether it will leave it out by itself."""
        found = getattr(self._optimiser, "found_inf", None) if self._scaler is not None else None
        self._expects_drop = found is not None and bool(found)
        return self._expects_drop

    def left_out(self) -> bool:
        """Tell whether a step that never came was left out since this was last asked."""
        if self._scaler is None:
            return False
        before, self._seen = self._seen, self.value
        dropped, expected = self._seen < before, self._expects_drop
        self._expects_drop = expected and not dropped
        return dropped and not expected
