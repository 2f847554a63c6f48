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
from resprobe.probes.magnitudes.elements import Elements, Rows

__all__ = ["Layer", "LayerResponses", "response_table", "std_by_batch_norm"]

Array = npt.NDArray[np.float64]

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
    """Follows the responses of a chain's layers, in the order of their calls.

    Attributes
    ----------
    layers : list of Layer
    last : Rows or None
        The response seen last of a batch that is on its way.
    """

    def __init__(self) -> None:
        self.layers: list[Layer] = []
        self.last: Rows | None = None
        self._elements: Elements | None = None
        self._images = 0
        self._fresh: list[Array] = []

    def begin(self, images: int) -> None:
        """Make ready for a batch of so many images."""
        self._images = images
        self._fresh.clear()

    def see(self, response: Response) -> None:
        """Take a response to the images of a batch."""
        if self._elements is None:
            self.layers.append(Layer.of(response))
        wanted = self.layers[len(self._fresh)] if len(self._fresh) < len(self.layers) else None
        if wanted is None or (response.layer, response.place) != (wanted.name, wanted.place):
            raise _other_way(response.layer, "nothing" if wanted is None else wanted.name)
        self.last = Rows.of(response.value, self._images)
        self._fresh.append(self.last.spread)

    def end(self) -> None:
        """Add up what was seen of the batch."""
        if len(self._fresh) < len(self.layers):
            raise _other_way("nothing", self.layers[len(self._fresh)].name)
        if self._elements is None:
            self._elements = Elements(len(self.layers))
        self._elements.add(np.reshape(self._fresh, (len(self.layers), 3, self._images)))
        self.last = None

    @property
    def _seen(self) -> Elements:
        assert self._elements is not None, "no batch was seen"
        return self._elements

    @property
    def n(self) -> npt.NDArray[np.int_]:
        """Images seen by each layer."""
        return self._seen.n.astype(int)

    def std(self) -> Array:
        """Return each layer's response: the standard deviation over all elements."""
        return self._seen.std()

    def standard_error(self) -> Array:
        """Return the standard error of each, the images as the sample."""
        return self._seen.standard_error()

    def last_within(self, blocks: int) -> list[float]:
        """Return the last response within each plain block; NaN where there is none."""
        found = dict.fromkeys(range(blocks), math.nan)
        for layer, std in zip(self.layers, self.std().tolist(), strict=True):
            if layer.place == "block":
                found[layer.block] = std
        return list(found.values())


def _other_way(layer: str, wanted: str) -> ResprobeError:
    return ResprobeError(
        f"layer '{layer}' was called where '{wanted}' was called for other images; a network that "
        "takes another way for each batch has no layer responses"
    )


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
