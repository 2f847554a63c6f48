"""The table of all pairs of layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from resprobe.probes.similarities.cka import Estimate
from resprobe.probes.similarities.layers import Layer

__all__ = ["pair_table"]


def pair_table(
    found: Estimate, networks: list[tuple[str, tuple[Layer, ...], slice]]
) -> pd.DataFrame:
    """Return one row for each pair of layers, network by network."""
    parts = []
    for first, (network, layers, here) in enumerate(networks):
        for other_network, others, there in networks[first:]:
            one = _labels(network, layers, np.repeat(np.arange(len(layers)), len(others)))
            other = _labels(other_network, others, np.tile(np.arange(len(others)), len(layers)))
            parts.append(
                pd.DataFrame(
                    {
                        **one,
                        **{f"other_{name}": values for name, values in other.items()},
                        "cka": found.value[here, there].ravel(),
                        "cka_se": found.se[here, there].ravel(),
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def _labels(network: str, layers: Sequence[Layer], which: np.ndarray) -> dict[str, Any]:
    # taken from columns of the layers: text is then made once for each layer, not for each pair
    own = pd.DataFrame([asdict(layer) for layer in layers]).take(which)
    return {"network": network, "layer": which, **{str(name): own[name].array for name in own}}
