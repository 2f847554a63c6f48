"""Run one method, and put what it finds into a table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from resprobe.chain import Chain
from resprobe.datasets import Batches
from resprobe.probes.path_lengths.asking import Method, Question
from resprobe.probes.path_lengths.columns import (
    Columns,
    exact_columns,
    rms_columns,
    sampled_columns,
)
from resprobe.probes.path_lengths.drawing import draw_paths
from resprobe.probes.path_lengths.effective import effective_range, weights
from resprobe.probes.path_lengths.law import log2_counts
from resprobe.probes.path_lengths.measuring import Tick, exact, rms, run, sampled

__all__ = ["COLUMNS", "measured", "rows_of"]

_FIGURES = [
    "together", "together_se", "average", "average_se", "norm", "norm_se", "rms", "rms_se",
    "weight", "projection", "projection_se",
]  # fmt: skip
COLUMNS = [
    "network", "method", "transitions", "length", "paths_log2", "paths_share", "n", "draws",
    "seed", *_FIGURES, "effective",
]  # fmt: skip
_SINGLE: dict[Method, str] = {"exact": "average", "rms": "rms", "sampled": "norm"}


def measured(
    chain: Chain, data: Batches, question: Question, *, draws: int, seed: int, tick: Tick
) -> Columns:
    """Return the columns that a method has figures for."""
    method, places = question.method, question.places
    counts = log2_counts(places.blocks)
    if method == "exact":
        return exact_columns(run(chain, data, places, exact(tick)), counts)
    if method == "rms":
        found = run(chain, data, places, rms(draws, data.n, seed, tick)).sum(0) / data.n
        return rms_columns(found, counts)
    drawn = draw_paths(places.blocks, draws, seed)
    found = run(chain, data, places, sampled(drawn, tick)).sum(0) / data.n
    return sampled_columns(found, drawn)


def rows_of(columns: Columns, question: Question, share: float) -> pd.DataFrame:
    """Return a row per length, with weights and the effective range; NaN where there is none."""
    blocks = question.places.blocks
    counts = log2_counts(blocks)
    weight = weights(columns[_SINGLE[question.method]], counts)
    found, length = effective_range(weight, share), np.arange(blocks + 1)
    empty = np.full(blocks + 1, np.nan)
    return pd.DataFrame(
        {
            "method": question.method,
            "transitions": question.transitions,
            "length": length,
            "paths_log2": counts,
            "paths_share": np.exp2(counts - blocks),
            **{name: columns.get(name, empty) for name in _FIGURES},
            "weight": weight,
            "effective": False if found is None else (found.low <= length) & (length <= found.high),
        }
    )
