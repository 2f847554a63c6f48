"""Tables that a script's claims are judged on, made by hand."""

from __future__ import annotations

import pandas as pd

from resprobe.results import Result

SHORT = "width 8, 15 epochs"


def entry(name, *, blocks=3, plain=False, training=SHORT, images="cifar10", **more):
    """What provenance says of a network."""
    data = {"data_set": images, "split": "test", "n": 10}
    return {"network": name, "blocks": blocks, "plain": plain, "training": training,
            "data": data, "classes": 10, **more}  # fmt: skip


def result(kind, rows, *entries):
    return Result(kind, pd.DataFrame(rows), {"networks": list(entries), "data": {}, "seed": 0})
