"""By what factor the gradient changes from layer to layer."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

from resprobe.chain import Response
from resprobe.statistics import spread

__all__ = ["LayerCount", "growth_of", "per_layer"]


class LayerCount:
    """Counts the weighted layers of every block that lie on its branch."""

    def __init__(self) -> None:
        self.layers: Counter[int] = Counter()

    def see(self, response: Response) -> None:
        """Take a layer as :func:`resprobe.chain.responses` shows it."""
        if response.place in ("branch", "block"):
            self.layers[response.block] += 1


def per_layer(below: float, above: float, layers: int) -> float:
    """Return the factor per layer from a block's output to its input; NaN without a layer.

    Examples
    --------
    >>> round(per_layer(1.44, 1.0, 2), 6)
    1.2
    """
    if not layers or not (0 < below < math.inf and 0 < above < math.inf):
        return math.nan
    return math.exp((math.log(below) - math.log(above)) / layers)


def growth_of(frame: pd.DataFrame) -> dict[str, Any]:
    """Return a network's factor per layer, from the blocks that keep the shape.

    The slope of log norm over depth in layers, within stages. The norm is a product of factors,
    so that the line's slope is the mean of the blocks' slopes, and the blocks are its sample.

    Returns
    -------
    dict
        ``factor``, with ``low`` and ``high``, its 95 % interval by Student's t over blocks, and
        ``blocks``, how many there are; NaN where there are too few.

    Examples
    --------
    >>> frame = pd.DataFrame({"kind": "identity", "growth": [1.2, 1.2, 1.2]})
    >>> found = growth_of(frame)
    >>> round(found["factor"], 6), round(found["low"], 6), found["blocks"]
    (1.2, 1.2, 3)
    """
    steps = frame.loc[frame["kind"] == "identity", "growth"].dropna()
    if steps.empty:
        return {"factor": math.nan, "low": math.nan, "high": math.nan, "blocks": 0}
    found = spread(np.log(steps).tolist())
    return {
        "factor": math.exp(found.mean),
        "low": math.exp(found.low),
        "high": math.exp(found.high),
        "blocks": found.n,
    }
