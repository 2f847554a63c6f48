"""Networks whose weights were just drawn, on the embedded images."""

from __future__ import annotations

import numpy as np
import pandas as pd

from resprobe import Architecture, Batches, gradflow, load_data, unravel
from resprobe.chain import has_batch_norm
from resprobe.results import Result

__all__ = ["fresh_gradflow", "through_identities"]


def fresh_gradflow(spec: str, *, images: int) -> Result:
    """Split the gradient along a network with weights of seed 0, in batches of 64.

    Networks with BatchNorm use the statistics of each batch, as at the first step of training.
    """
    shown = load_data("embedded", split="test").subset(images)
    data = Batches(shown, shown.normalisation, batch_size=64)
    architecture = Architecture.parse(spec, in_channels=1)
    chain = unravel(architecture.build(seed=0), data.example())
    statistics = "batch" if has_batch_norm(chain) else "running"
    about = {"initialisation": "seed 0"}
    found = gradflow(chain, data, network=spec, batch_norm=statistics, about=about).blocks
    found.meta["setting"] = [f"width {architecture.width}", "random weights"]
    return found


def through_identities(rows: pd.DataFrame) -> tuple[float, int]:
    """Return what units that keep the shape leave of the gradient by shortcuts, and their number.

    ``identity_gain`` is what is left from the network's end; the steps at transitions, where a
    shortcut pads or projects, are taken out of the product.
    """
    ordered = rows.sort_values("block")
    gain = ordered["identity_gain"].to_numpy()
    step = gain / np.append(gain[1:], 1.0)
    kept = (ordered["kind"] == "identity").to_numpy()
    return float(np.exp(np.log(step[kept]).sum())), int(kept.sum())
