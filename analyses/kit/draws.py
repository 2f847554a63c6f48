"""Numbers of several initialisations: as tables, and as means with intervals for claims."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from kit.claims import Verdict, near

from resprobe import Batches, load_data
from resprobe.results import Result, versions
from resprobe.statistics import Spread, spread

__all__ = ["add_draws", "embedded", "near_draws", "of_draws", "over_draws", "tabled"]


def add_draws(parser: argparse.ArgumentParser) -> None:
    """Add the option that says how many initialisations are drawn."""
    parser.add_argument("--draws", type=int, default=5, help="initialisations, seeds 0, 1, ...")


def embedded(images: int) -> Batches:
    """Return so many of the embedded test images, as one batch."""
    found = load_data("embedded", split="test").subset(images)
    return Batches(found, found.normalisation, images)


def tabled(name: str, rows: Sequence[Mapping[str, Any]], data: Batches, **more: object) -> Result:
    """Return rows as a result that says what it was measured on."""
    meta = {**versions(), "seed": 0, "data": data.describe(), **more}
    return Result(name, pd.DataFrame(rows), meta)


def of_draws(values: Sequence[float]) -> dict[str, Any]:
    """Return what a claim says of several draws: their mean with its 95 % t interval."""
    found = spread(list(values))
    return {"measured": found.mean, "low": found.low, "high": found.high, "n": found.n,
            "of": "draws"}  # fmt: skip


def near_draws(found: Mapping[str, Any], published: float, **how: float) -> Verdict:
    """Judge the mean of several draws by a published number."""
    return near(found["measured"], published, low=found["low"], high=found["high"], **how)


def over_draws(frame: pd.DataFrame, keys: list[str], column: str) -> pd.DataFrame:
    """Return ``mean, low, high, n`` of a column over draws: 95 % t intervals."""
    rows = []
    for names, values in frame.groupby(keys, sort=False)[column]:
        finite = bool(np.isfinite(values).all())
        found = spread(values.tolist()) if finite else Spread(len(values), np.inf, *[np.nan] * 3)
        key = dict(zip(keys, names if isinstance(names, tuple) else (names,), strict=True))
        rows.append({**key, "mean": found.mean, "low": found.low, "high": found.high,
                     "n": found.n})  # fmt: skip
    return pd.DataFrame(rows)
