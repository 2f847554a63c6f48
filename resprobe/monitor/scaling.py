"""What a GradScaler has done to a loss, and whether it left a step out."""

from __future__ import annotations

from typing import Any

import torch

__all__ = ["LossScale"]


class LossScale:
    """Follows the scale of a :class:`torch.amp.GradScaler`.

    A step that the scaler leaves out, since a gradient overflowed, never reaches the optimiser.
    It shows afterwards, in what the scaler had found in this optimiser's gradients before it was
    updated; its scale also becomes smaller because of other optimisers, and by hand.

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
        self._noted: dict[int, dict[str, Any]] | None = None

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
        return found is not None and bool(found)

    def passes(self) -> None:
        """Note that a pass begins, whose step is yet to come."""
        self._noted = self._states()

    def steps(self) -> None:
        """Note that the step has come."""
        self._noted = None

    def left_out(self) -> bool:
        """Tell whether the step that was to come was left out, and the scaler updated since."""
        noted = self._noted
        if noted is None or noted is self._states():
            return False
        self._noted = None
        found = noted.get(id(self._optimiser), {}).get("found_inf_per_device", {})
        return any(bool(value) for value in found.values())

    def _states(self) -> dict[int, dict[str, Any]] | None:
        # the scaler begins a new table of what it found for each optimiser at every update
        return getattr(self._scaler, "_per_optimizer_states", None)
