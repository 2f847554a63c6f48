"""Which lengths matter: their weights, and the shortest range that holds most of them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from resprobe.errors import UsageError
from resprobe.probes.path_lengths.law import path_share

__all__ = ["Range", "check_share", "effective_range", "summary", "weights"]


class Range(NamedTuple):
    """Lengths from ``low`` to ``high``, both inclusive."""

    low: int
    high: int


def weights(norms: np.ndarray, log2_counts: np.ndarray) -> np.ndarray:
    """Return the product of norms and numbers of paths by length, normalised to sum 1.

    Norms that are all 0 have no weights: NaN.

    References
    ----------
    Veit et al. 2016, figure 6c.

    Examples
    --------
    >>> weights(np.array([4.0, 1.0, 1.0]), np.array([0.0, 1.0, 0.0])).round(3).tolist()
    [0.571, 0.286, 0.143]
    """
    if not norms.any():
        return np.full(len(norms), np.nan)
    with np.errstate(divide="ignore"):
        logs = np.log2(norms) + log2_counts
    products = np.exp2(logs - logs.max())
    return np.asarray(products / products.sum())


def effective_range(weight: np.ndarray, share: float) -> Range | None:
    """Return the shortest run of consecutive lengths that holds at least ``share``.

    Of several as short, the one that holds the most. None where there are no weights.

    Examples
    --------
    >>> effective_range(np.array([0.02, 0.3, 0.4, 0.26, 0.02]), 0.95)
    Range(low=1, high=3)
    """
    if not np.isfinite(weight).all():
        return None
    enough = share * weight.sum() - 1e-12  # all of it, whatever the order of the sum
    for width in range(1, len(weight) + 1):
        held = np.convolve(weight, np.ones(width), mode="valid")
        if held.max() >= enough:
            low = int(held.argmax())
            return Range(low, low + width - 1)
    raise AssertionError("all lengths together hold everything")


def check_share(share: float) -> None:
    """Raise UsageError unless a share is above 0 and at most 1."""
    if not 0 < share <= 1:
        raise UsageError(f"a share of {share:g} was asked for; it is above 0 and at most 1")


def summary(frame: pd.DataFrame, share: float, lengths: tuple[int, int] | None) -> dict[str, Any]:
    """Sum up one method's rows: the effective range and the ``lengths`` that were asked for.

    Of each range: ``low, high``, the share of all paths that it has (``paths_share``), and of
    the weight and, for "exact", of the gradient itself (``projection``).
    """
    first, blocks = frame.iloc[0], len(frame) - 1
    inside = frame.loc[frame["effective"], "length"]
    effective = _held(frame, int(inside.min()), int(inside.max())) if len(inside) else None
    return {
        "method": first["method"],
        "transitions": first["transitions"],
        "blocks": blocks,
        "share": share,
        "effective": effective,
        "asked": None if lengths is None else _held(frame, *lengths),
    }


def _held(frame: pd.DataFrame, low: int, high: int) -> dict[str, Any]:
    rows = frame[frame["length"].between(low, high)]
    held = {column: float(rows[column].sum(skipna=False)) for column in ("weight", "projection")}
    return {
        "low": low,
        "high": high,
        "paths_share": float(path_share(len(frame) - 1, low, high)),
        **{column: None if np.isnan(value) else value for column, value in held.items()},
    }
