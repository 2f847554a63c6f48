"""How many bits the forward pass of a training computes in."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

from resprobe.errors import UsageError

__all__ = ["MixedPrecision", "Precision"]


class Precision(enum.Enum):
    """What convolutions and matrix products compute in; weights are always kept in float32."""

    FP32 = "fp32"
    """Float32 throughout."""
    BF16 = "bf16"
    """Bfloat16: the range of float32 with 8 bits of precision."""
    FP16 = "fp16"
    """Float16: 11 bits of precision and a small range, so that the loss has to be scaled."""

    @property
    def dtype(self) -> torch.dtype:
        """What torch calls it."""
        return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[self.value]

    def check(self, device: torch.device) -> str:
        """Return what is worth knowing about this precision on a device; "" for nothing.

        Raises
        ------
        UsageError
            If a training cannot run in it there.

        Examples
        --------
        >>> Precision.BF16.check(torch.device("cpu"))
        'bf16 on a CPU: several times slower than fp32 unless the CPU has bf16 instructions'
        """
        if self is Precision.FP32:
            return ""
        if device.type == "cpu" and self is Precision.BF16:
            return (
                "bf16 on a CPU: several times slower than fp32 unless the CPU has bf16 instructions"
            )
        if device.type != "cuda":
            raise UsageError(
                f"--precision {self.value} needs a CUDA GPU, and this is {device}; choose fp32"
            )
        if self is Precision.BF16 and not torch.cuda.is_bf16_supported(including_emulation=False):
            raise UsageError(
                f"--precision bf16: {torch.cuda.get_device_name(device)} has no bf16; choose fp16 "
                "or fp32"
            )
        return ""


class MixedPrecision:
    """The steps of a gradient descent whose forward pass computes in some precision.

    Parameters
    ----------
    precision : Precision
        With float32, every method does the plain thing.
    device : torch.device
        Where the network is.

    Attributes
    ----------
    scaler : torch.amp.GradScaler
        Multiplies the loss so that small gradients do not vanish in float16; does nothing in
        the other precisions.

    Raises
    ------
    UsageError
        If a training cannot run in this precision on this device.

    References
    ----------
    Micikevicius et al. 2018, "Mixed Precision Training", section 3.

    Examples
    --------
    >>> weight = torch.nn.Parameter(torch.tensor([1.0]))
    >>> optimiser = torch.optim.SGD([weight], lr=0.5)
    >>> mixed = MixedPrecision(Precision.FP32, torch.device("cpu"))
    >>> with mixed.autocast():
    ...     loss = (3 * weight).sum()
    >>> mixed.backward(loss)
    >>> mixed.step(optimiser), weight.item()
    (True, -0.5)
    """

    def __init__(self, precision: Precision, device: torch.device) -> None:
        precision.check(device)
        self.precision, self.device = precision, device
        self.scaler = torch.amp.GradScaler(device.type, enabled=precision is Precision.FP16)

    def autocast(self) -> AbstractContextManager[None]:
        """Return the context for the forward pass and the loss, and for them alone."""
        return torch.autocast(
            self.device.type,
            dtype=self.precision.dtype,
            enabled=self.precision is not Precision.FP32,
        )

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of the scaled loss to those of the parameters."""
        torch.autograd.backward(self.scaler.scale(loss))

    def step(self, optimiser: torch.optim.Optimizer) -> bool:
        """Take a step with the gradients unscaled; tell whether it was taken.

        In float16 a step is left out, and the scale halved, where a gradient is not finite.
        That is part of finding the scale and no divergence, as long as the loss is finite.
        """
        before = self.scaler.get_scale()
        self.scaler.step(optimiser)
        self.scaler.update()
        return self.scaler.get_scale() >= before

    def state(self) -> dict[str, Any]:
        """Return what is needed to go on: the precision, and the scale where there is one."""
        return {"precision": self.precision.value, "scaler": self.scaler.state_dict()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from the :meth:`state` of another run in the same precision.

        Raises
        ------
        UsageError
            If that run was in another one.
        """
        there = state["precision"]
        if there != self.precision.value:
            raise UsageError(
                f"--resume: that training ran in {there} and this one would in "
                f"{self.precision.value}; choose --precision {there}"
            )
        if self.scaler.is_enabled():
            self.scaler.load_state_dict(dict(state["scaler"]))
