"""The branches' Jacobians of one network and the states between its blocks: tables and one row."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from resprobe.probes import Geometry
from resprobe.results import Result

__all__ = ["NAMES", "kept", "summed_up"]

NAMES = ("runs", "values", "matrices", "stream")
KINDS = ("geometry", "values", "alignment", "matrices", "stream")
SAID = ("variation", "straightness", "first_axis", "cosine", "alignment", "diagonal", "captured",
        "chance")  # fmt: skip


def kept(
    stem: Path, look: Callable[[], tuple[Geometry, float]], facts: dict[str, object]
) -> dict[str, Result]:
    """Return the tables kept at a stem, or measure and keep them.

    Parameters
    ----------
    stem : Path
        Of the files, ``STEM-runs.csv`` and so on.
    look : callable
        Returns what is measured, and the training error.
    facts : dict
        What the row that sums the network up says of it.
    """
    files = {name: stem.with_name(f"{stem.name}-{name}") for name in NAMES}
    if not stem.with_name(f"{stem.name}-{NAMES[-1]}.json").exists():
        print(f"measuring {stem.name}", file=sys.stderr, flush=True)
        found, error = look()
        tables = dict(zip(KINDS, found, strict=True)) | {"runs": summed_up(found, error, facts)}
        for name in NAMES:  # the last one says that all are there
            tables[name].save_as(files[name])
    return {name: Result.load(file.with_name(f"{file.name}.csv")) for name, file in files.items()}


def summed_up(found: Geometry, error: float, facts: dict[str, object]) -> Result:
    """Return one row for a network: means over blocks, and over stages of several blocks."""
    frame, stages = found.blocks.frame, found.blocks.meta["networks"][0]["stages"]
    several = [stage for stage in stages if stage["blocks"] > 1]
    weights = [stage["blocks"] for stage in several]
    row = {
        "network": frame["network"].iloc[0], **facts, "blocks": len(frame), "n": frame["n"].iloc[0],
        "train_error": error, "sigma_1": frame["sigma_1"].mean(),
        "beyond_classes": frame["beyond_classes"].mean(),
        "within_classes": float((frame["rank"] <= 10).mean()),
        "chance_cosine": _mean([stage["blocks"] ** -0.5 for stage in several], weights),
        **{name: _mean([stage[name] for stage in several], weights) for name in SAID},
    }  # fmt: skip
    return Result("alignment-runs", pd.DataFrame([row]), found.blocks.meta)


def _mean(values: list[float], weights: list[int]) -> float:
    if not values:
        return float("nan")
    return sum(v * w for v, w in zip(values, weights, strict=True)) / sum(weights)
