"""Networks whose weights were just drawn."""

from __future__ import annotations

import numpy as np
import pandas as pd
from kit.subjects import Subject

from resprobe import Architecture, Batches, gradflow, load_data, unravel
from resprobe.chain import Chain, has_batch_norm
from resprobe.results import Result

__all__ = ["as_initial", "fresh_gradflow", "through_identities"]


def fresh_gradflow(spec: str, *, images: int) -> Result:
    """Split the gradient along a network with weights of seed 0, on embedded images, 64 a batch.

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


def as_initial(here: Subject) -> Chain:
    """Return the same architecture at initialisation, with statistics of the images."""
    model = here.architecture.build(seed=0).to(here.data.example().device)
    model.train()
    for x, _ in Batches(here.shown(200).data, here.data.normalisation, 200):
        for _ in range(50):  # running statistics forget their start
            model(x)
    return unravel(model.eval(), here.data.example())
