"""Tensors with an exponent per image, so that the gradients of long paths do not vanish to 0.

Along 600 blocks the gradient of one length of path is larger than that of another by far more
than float32 spans. Powers of two are exact: nothing is rounded by them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from resprobe.probes.taps import norms_of

__all__ = ["Scaled", "levelled", "per_image", "power_of_two"]

EVERY = 8  # blocks between two looks at the size: no block changes it by more than 2**12
APART = 60  # most that the exponent of one length may lie below that of the next shorter one
RANGE = 252  # twice float32's exponents: a factor is applied in two halves


class Scaled(NamedTuple):
    """``value * 2**exponent``.

    Attributes
    ----------
    value : Tensor
        float32; its first axis holds the images.
    exponent : Tensor
        (N,) int32, one for each image.
    """

    value: Tensor
    exponent: Tensor

    @classmethod
    def of(cls, value: Tensor, images: int) -> Scaled:
        """Take a tensor as it is, its numbers brought near 1."""
        zero = torch.zeros(images, dtype=torch.int32, device=value.device)
        return cls(value, zero).rescaled()

    def largest(self) -> Tensor:
        """Return each image's largest absolute value, (N,), without the exponent."""
        return self.value.reshape(len(self.exponent), -1).abs().amax(1)

    def rescaled(self) -> Scaled:
        """Bring each image's largest number to between 1/2 and 1; what is all 0 stays.

        Examples
        --------
        >>> value = torch.tensor([[6.0], [0.0]])
        >>> Scaled(value, torch.zeros(2, dtype=torch.int32)).rescaled().exponent.tolist()
        [3, 0]
        """
        return self.with_exponent(self.exponent + torch.frexp(self.largest()).exponent)

    def with_exponent(self, wanted: Tensor) -> Scaled:
        """Return the same number written with other exponents, as far as float32 holds it."""
        by = (self.exponent - wanted).clamp(-RANGE, RANGE)
        half = by // 2
        value = self.value
        for part in (half, by - half):
            value = value * per_image(power_of_two(part), value)
        return Scaled(value, wanted)

    def norms(self) -> Tensor:
        """Return each image's L2 norm, (N,), as float64 on the CPU."""
        scale = power_of_two(self.exponent.cpu(), dtype=torch.float64)
        return norms_of(self.value.reshape(len(self.exponent), -1)) * scale

    def doubled(self) -> Tensor:
        """Return the number itself, as float64 on the CPU."""
        value = self.value.cpu().double()
        return value * per_image(power_of_two(self.exponent.cpu(), dtype=torch.float64), value)


def levelled(levels: Sequence[Scaled]) -> list[Scaled]:
    """Bring the gradients of all lengths near 1, neighbours not too far from one another.

    A length whose gradient is all 0 as yet takes the exponent of its neighbour, from which it
    will be fed.
    """
    largest = torch.stack([level.largest() for level in levels])
    found = torch.stack([level.exponent for level in levels]) + torch.frexp(largest).exponent
    known = largest > 0
    for order in (range(1, len(levels)), range(len(levels) - 2, -1, -1)):
        for k in order:
            beside = k - 1 if order.step == 1 else k + 1
            found[k] = torch.where(known[k], found[k], found[beside])
            known[k] |= known[beside]
    for k in range(1, len(levels)):
        found[k] = torch.maximum(found[k], found[k - 1] - APART)
    return [level.with_exponent(wanted) for level, wanted in zip(levels, found, strict=True)]


def power_of_two(exponent: Tensor, *, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return ``2**exponent``, exactly.

    Examples
    --------
    >>> power_of_two(torch.tensor([-1, 3])).tolist()
    [0.5, 8.0]
    """
    return torch.ldexp(torch.ones(exponent.shape, dtype=dtype, device=exponent.device), exponent)


def per_image(factor: Tensor, like: Tensor) -> Tensor:
    """Shape one factor per image, (N,), to multiply a tensor whose first axis holds the images.

    Examples
    --------
    >>> per_image(torch.ones(2), torch.ones(4, 3, 5, 5)).shape
    torch.Size([4, 1, 1, 1])
    """
    rows = factor.repeat_interleave(len(like) // len(factor))
    return rows.reshape(-1, *[1] * (like.dim() - 1))
