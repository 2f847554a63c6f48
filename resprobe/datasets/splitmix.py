"""Random words that depend on (seed, epoch, index) alone: SplitMix64, on tensors and on integers.

G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014;
the generator is started anew for every (seed, epoch, index).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["ImageDraws", "words"]

GOLDEN = 0x9E3779B97F4A7C15
FIRST, SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
WORD = 2**64


def words(*, seed: int, epoch: int, indices: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first two words of every index's sequence, int64 on the device of the indices."""
    state = _splitmix(indices + _signed(_start(seed, epoch)))
    return _splitmix(state + _signed(GOLDEN)), _splitmix(state + _signed(2 * GOLDEN))


class ImageDraws:
    """The sequence of one (seed, epoch, index), drawn from number by number.

    Examples
    --------
    >>> draws = ImageDraws(seed=0, epoch=1, index=2)
    >>> 0 <= draws.uniform() < 1, draws.below(3) in (0, 1, 2)
    (True, True)
    """

    def __init__(self, *, seed: int, epoch: int, index: int) -> None:
        self._state = _mixed(index + _start(seed, epoch))

    def word(self) -> int:
        """Return the next word, 0 to 2^64 - 1."""
        self._state = (self._state + GOLDEN) % WORD
        return _mixed(self._state)

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """Return a number from ``low`` up to ``high``, of 53 random bits."""
        return low + (high - low) * (self.word() >> 11) * 2.0**-53

    def below(self, n: int) -> int:
        """Return a whole number from 0 to ``n - 1``, even to ``n`` parts in 2^64."""
        return (self.word() * n) >> 64

    def normal(self) -> float:
        """Return a number of mean 0 and variance 1 (Box and Muller 1958)."""
        radius = math.sqrt(-2 * math.log(1 - self.uniform()))
        return radius * math.cos(2 * math.pi * self.uniform())


def _start(seed: int, epoch: int) -> int:
    return _mixed(_mixed(seed % WORD) + epoch % WORD)


def _mixed(value: int) -> int:
    """Apply SplitMix64's output function, in Python's integers."""
    value %= WORD
    value = ((value ^ (value >> 30)) * FIRST) % WORD
    value = ((value ^ (value >> 27)) * SECOND) % WORD
    return value ^ (value >> 31)


def _splitmix(state: Tensor) -> Tensor:
    """Apply SplitMix64's output function to int64, whose products wrap as wanted."""
    state = (state ^ _shifted(state, 30)) * _signed(FIRST)
    state = (state ^ _shifted(state, 27)) * _signed(SECOND)
    return state ^ _shifted(state, 31)


def _shifted(value: Tensor, bits: int) -> Tensor:
    """Shift right and fill with zeros; torch's own shift repeats the sign."""
    return torch.bitwise_and(value >> bits, 2 ** (64 - bits) - 1)


def _signed(value: int) -> int:
    """Return the int64 with the same bits."""
    value %= WORD
    return value - WORD if value >= WORD // 2 else value
