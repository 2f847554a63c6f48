"""Where the channels of a block's tensor are."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["channel_axis"]


def channel_axis(shape: Sequence[int]) -> int:
    """Return which axis of a block's tensor its channels are.

    Maps are (N, C, H, W), tokens (N, T, C). Maps with channels last (N, H, W, C) are known by
    their two equal sides in front.

    Examples
    --------
    >>> [channel_axis(shape) for shape in ((2, 8, 4, 4), (2, 5, 3), (2, 4, 4, 8), (2, 7))]
    [1, 2, 3, 1]
    """
    inner = tuple(shape[1:])
    last = len(inner) == 2 or (len(inner) == 3 and inner[0] == inner[1] != inner[2])
    return len(shape) - 1 if last else 1
