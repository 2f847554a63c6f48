"""From what was caught to tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from torch import Tensor

from resprobe.chain import Chain
from resprobe.probes.gradients.growth import per_layer
from resprobe.probes.gradients.tap import Tap
from resprobe.probes.study import block_labels

__all__ = ["block_frame", "weight_frame"]

NORMS = ("output", "identity", "residual", "input")


def block_frame(
    chain: Chain, taps: Sequence[Tap], layers: Mapping[int, int], network: str
) -> pd.DataFrame:
    """Return one row per block."""
    rows = []
    for label, tap in zip(block_labels(chain, network=network, n=taps[0].n), taps, strict=True):
        counted = layers[label["block"]]
        rows.append(
            {
                **label,
                **{figure: tap.mean(figure) for figure in NORMS},
                # without a shortcut there is no angle between two parts
                "cosine": float("nan") if chain.is_plain else tap.mean("cosine"),
                "residual_share": tap.mean("residual_share"),
                **{f"{figure}_se": tap.error(figure) for figure in NORMS},
                "identity_path": tap.mean("identity_path"),
                "identity_path_se": tap.error("identity_path"),
                "identity_path_cosine": tap.mean("identity_path_cosine"),
                "identity_gain": tap.mean("identity_gain"),
                "layers": counted,
                "growth": per_layer(tap.mean("input"), tap.mean("output"), counted),
            }
        )
    return pd.DataFrame(rows)


def weight_frame(chain: Chain, sums: Sequence[Tensor], n: int, network: str) -> pd.DataFrame:
    """Return one row per parameter, from the sums over images of its gradient."""
    place = {id(p): -1 for p in chain.parameters()}
    for number, block in enumerate(chain.blocks):
        place |= {id(p): number for p in block.parameters()}
    place |= {id(p): len(chain.blocks) for p in chain.head.parameters()}
    return pd.DataFrame(
        {
            "network": network,
            "parameter": name,
            "block": place.get(id(parameter), -1),
            "dimensions": parameter.dim(),
            "gradient_norm": float(total.norm()) / n,
            "weight_norm": float(parameter.detach().double().norm()),
        }
        for (name, parameter), total in zip(chain.model_parameters, sums, strict=True)
    )
