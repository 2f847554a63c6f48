"""After how many blocks an image's prediction is the one that the network gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from resprobe.streams import Moments

__all__ = ["Decisions", "settled", "stable"]

Numbers = npt.NDArray[np.int64]


def settled(predictions: Numbers, final: Numbers) -> Numbers:
    """Return the first block from which on the prediction stays the final one.

    Parameters
    ----------
    predictions : array of shape (N, L)
        After each block.
    final : array of shape (N,)
        The network's own.

    Returns
    -------
    array of shape (N,)
        From 0; L where the prediction after the last block is another.

    Examples
    --------
    >>> settled(np.array([[1, 2, 2], [2, 1, 2], [2, 2, 1]]), np.array([2, 2, 2])).tolist()
    [1, 2, 3]
    """
    same = (predictions == final[:, None])[:, ::-1]
    return np.asarray(predictions.shape[1] - np.cumprod(same, axis=1).sum(1), dtype=np.int64)


def stable(predictions: Numbers, times: int) -> Numbers:
    """Return the first block whose prediction the next ``times`` blocks repeat; L for none.

    Examples
    --------
    >>> stable(np.array([[1, 2, 2, 2], [3, 3, 3, 1], [1, 2, 3, 3]]), 2).tolist()
    [1, 0, 4]
    """
    n, blocks = predictions.shape
    repeated = predictions[:, 1:] == predictions[:, :-1]
    starts = blocks - times
    if starts < 1:
        return np.full(n, blocks, dtype=np.int64)
    runs = np.stack([repeated[:, i : i + times].all(1) for i in range(starts)], axis=1)
    found = np.where(runs.any(1), runs.argmax(1), blocks)
    return np.asarray(found, dtype=np.int64)


class Decisions:
    """How many images each block decides, by several methods; no image is kept.

    Parameters
    ----------
    methods : sequence of str
        Their names.
    names, stages : sequence
        The blocks' names and stages.
    """

    def __init__(self, methods: Sequence[str], names: Sequence[str], stages: Sequence[int]) -> None:
        self._methods, self._names = tuple(methods), tuple(names)
        self._stages = (*stages, stages[-1])  # the head reads what the last stage gives
        self._counts = {m: np.zeros(len(names) + 1, dtype=np.int64) for m in methods}
        self._depths = {m: Moments(1) for m in methods}

    def add(self, method: str, blocks: Numbers) -> None:
        """Take the deciding block of each image; L where it is none of them."""
        last = len(self._names)
        self._counts[method] += np.bincount(blocks, minlength=last + 1)
        # who needs the head to decide has needed every block
        self._depths[method].add([np.minimum(blocks + 1, last)])

    def rows(self) -> list[dict[str, Any]]:
        """Return one row for each method and block, and one for what no block decides."""
        rows = []
        for method in self._methods:
            counts, depth = self._counts[method], self._depths[method]
            n, blocks = int(counts.sum()), len(self._names)
            (low,), (high,) = depth.intervals()
            mean = {"depth": float(depth.mean[0]), "depth_low": low, "depth_high": high}
            shares = {
                key.replace("depth", "depth_fraction"): value / blocks
                for key, value in mean.items()
            }
            for block, (name, stage, images) in enumerate(
                zip((*self._names, "head"), self._stages, counts.tolist(), strict=True)
            ):
                rows.append(
                    {
                        "method": method,
                        "block": block,
                        "name": name,
                        "stage": stage,
                        "n": n,
                        "images": images,
                        "share": images / n,
                        "cumulative": int(counts[: block + 1].sum()) / n,
                        **mean,
                        **shares,
                    }
                )
        return rows
