"""How the elements of a gradient are spread over the orders of magnitude.

A float32 number holds its power of two in its own bits, so that counting elements by powers of
two is exact, needs no logarithm and happens where the gradient is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import torch
from torch import Tensor

__all__ = ["PARTS", "ElementCounts", "histogram_rows"]

PARTS = ("input", "identity", "residual")
"""The gradient at a block's input, and its two parts."""

BIAS, BINS = 127, 256


class ElementCounts:
    """Counts the elements of a block's gradient and of its parts, by their powers of two.

    Attributes
    ----------
    counts : int64 Tensor of shape (3, 256), or None
        By part and by the exponent's bits; on the device of the gradients.
    """

    def __init__(self) -> None:
        self.counts: Tensor | None = None
        self._zeros: Tensor | None = None

    def add(self, *parts: Tensor) -> None:
        """Take whole, identity and residual part of a batch."""
        exponents = torch.stack([_exponents(part) for part in parts])
        zeros = torch.stack([(part == 0).sum() for part in parts])
        if self.counts is None or self._zeros is None:
            self.counts, self._zeros = exponents, zeros
        else:
            self.counts += exponents
            self._zeros += zeros

    def bins(self, part: int) -> list[tuple[float, float, int]]:
        """Return (low, high, count) of each bin that holds any: ``low <= |g| < high``.

        Exact zeros come first, as a bin from 0 to 0.
        """
        assert self.counts is not None
        assert self._zeros is not None
        zeros, counts = int(self._zeros[part]), self.counts[part].tolist()
        counts[0] -= zeros  # what is left has no bit of its own in the exponent
        found = [(0.0, 0.0, zeros)] if zeros else []
        for bits, count in enumerate(counts):
            if count:
                low = 2.0 ** (bits - BIAS) if bits else 2.0**-149
                found.append((low, 2.0 ** (max(bits, 1) - BIAS + (bits > 0)), count))
        return found


def _exponents(part: Tensor) -> Tensor:
    bits = part.detach().float().contiguous().view(torch.int32).flatten()
    return torch.bincount((bits >> 23) & (BINS - 1), minlength=BINS)


def histogram_rows(
    labels: Sequence[dict[str, Any]], elements: Sequence[ElementCounts], *, plain: bool
) -> pd.DataFrame:
    """Return a row for each block, part and bin; a plain block has no parts."""
    rows = []
    for label, counted in zip(labels, elements, strict=True):
        for number, part in enumerate(PARTS[:1] if plain else PARTS):
            bins = counted.bins(number)
            whole = sum(count for *_, count in bins)
            rows += [
                {**label, "part": part, "low": low, "high": high, "count": count,
                 "share": count / whole}
                for low, high, count in bins
            ]  # fmt: skip
    return pd.DataFrame(rows)
