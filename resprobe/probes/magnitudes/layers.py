"""The response of every weighted layer, and what its BatchNorm says of it (He 2015, Fig. 7)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from resprobe.chain import Response
from resprobe.errors import ResprobeError
from resprobe.probes.magnitudes.elements import Elements, rows_of

__all__ = ["Layer", "LayerResponses", "response_table", "std_by_batch_norm"]

UNRANKED = ("shortcut", "head")
"""Layers that He et al. leave out: they rank the convolutions that are in sequence."""


@dataclass(frozen=True)
class Layer:
    """A layer as it was called: what its response is named by."""

    name: str
    block: int
    place: str
    norm: str
    from_batch_norm: float

    @classmethod
    def of(cls, response: Response) -> Layer:
        """Take what does not depend on the images."""
        return cls(
            response.layer, response.block, response.place, response.norm,
            std_by_batch_norm(response),
        )  # fmt: skip


def std_by_batch_norm(response: Response) -> float:
    """Return ``sqrt(mean gamma**2 + var beta)`` over the channels; NaN without such a norm.

    BatchNorm with the statistics of what it sees gives channel c the mean beta_c and the
    variance gamma_c**2, so that this is the standard deviation over all channels.
    """
    if response.norm != "batch" or response.scale is None or response.shift is None:
        return math.nan
    scale, shift = (part.detach().double() for part in (response.scale, response.shift))
    return float((scale.square().mean() + shift.var(correction=0)).sqrt())


class LayerResponses:
    """Follows the responses of a chain's layers, in the order of their calls."""

    def __init__(self) -> None:
        self.layers: list[Layer] = []
        self._elements: list[Elements] = []
        self._place = self._images = 0

    def see(self, response: Response) -> None:
        """Take a response to the images of a batch."""
        if self._place == len(self.layers):
            self.layers.append(Layer.of(response))
            self._elements.append(Elements(1))
        wanted = self.layers[self._place]
        if (response.layer, response.place) != (wanted.name, wanted.place):
            raise ResprobeError(
                f"layer '{response.layer}' was called where '{wanted.name}' was called for other "
                "images; a network that takes another way for each batch has no layer responses"
            )
        self._elements[self._place].add(0, rows_of(response.value, self._images))
        self._place += 1

    def begin(self, images: int) -> None:
        """Make ready for a batch of so many images."""
        self._images, self._place = images, 0

    @property
    def n(self) -> npt.NDArray[np.float64]:
        """Images seen by each layer."""
        return np.array([int(one.n[0]) for one in self._elements])

    def std(self) -> npt.NDArray[np.float64]:
        """Return each layer's response: the standard deviation over all elements."""
        return np.array([one.std()[0] for one in self._elements])

    def standard_error(self) -> npt.NDArray[np.float64]:
        """Return the standard error of each, the images as the sample."""
        return np.array([one.standard_error()[0] for one in self._elements])

    def last_of(self, block: int) -> float:
        """Return the last response within a plain block; NaN where there is none."""
        inside = [
            float(one.std()[0])
            for layer, one in zip(self.layers, self._elements, strict=True)
            if layer.block == block and layer.place == "block"
        ]
        return inside[-1] if inside else math.nan


def response_table(
    layers: Sequence[Layer],
    *,
    network: str,
    n: npt.ArrayLike,
    std: npt.ArrayLike,
    error: npt.ArrayLike,
    rank_by: npt.ArrayLike,
) -> pd.DataFrame:
    """Return one row per layer; ``rank_by`` orders the layers that are ranked, largest first."""
    ranked = np.array([layer.place not in UNRANKED for layer in layers], dtype=bool)
    by = np.where(ranked, np.asarray(rank_by, dtype=float), math.nan)
    return pd.DataFrame(
        {
            "network": network,
            "layer": np.arange(len(layers)),
            "name": [layer.name for layer in layers],
            "block": [layer.block for layer in layers],
            "place": [layer.place for layer in layers],
            "norm": [layer.norm for layer in layers],
            "n": n,
            "response_std": std,
            "response_std_se": error,
            "from_batch_norm": [layer.from_batch_norm for layer in layers],
            "rank": pd.Series(by).rank(method="first", ascending=False).to_numpy(),
        }
    )
