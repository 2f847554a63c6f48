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
        counted, means, errors = layers[label["block"]], tap.means(), tap.errors()
        rows.append(
            {
                **label,
                **{figure: means[figure] for figure in (*NORMS, "cosine", "residual_share")},
                **{f"{figure}_se": errors[figure] for figure in NORMS},
                "identity_path": means["identity_path"],
                "identity_path_se": errors["identity_path"],
                "identity_path_cosine": means["identity_path_cosine"],
                "identity_gain": means["identity_gain"],
                "layers": counted,
                "growth": per_layer(means["input"], means["output"], counted),
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
