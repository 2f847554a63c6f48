"""What trained networks say of residual alignment, beside the published properties."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from claims import Claim, near, signed

from resprobe.probes.jacobians import power_law
from resprobe.results import Result
from resprobe.statistics import spread

__all__ = ["claims"]

PAPER = "Li, Papyan 2023"


def claims(results: Mapping[str, Result]) -> Iterator[Claim]:
    """Judge each property on the fully connected networks, and what is alike in the others."""
    runs = results["runs"].frame
    toy = runs[runs["family"] == "fully connected"]
    yield from _toy(toy)
    for family, rows in runs[runs["family"] != "fully connected"].groupby("family", sort=False):
        yield from _other(str(family), rows)


def _toy(runs: pd.DataFrame) -> Iterator[Claim]:
    deepest = int(runs["depth"].max())
    error = runs[runs["trained"]]["train_error"].max()
    setting = (
        f"fully connected, width 64, {', '.join(map(str, sorted(set(runs['depth']))))} blocks; ten "
        f"clusters; training error at most {100 * error:.2g} %"
    )

    def of(name: str, *, residual: bool = True, trained: bool = True) -> np.ndarray:
        rows = runs[(runs["residual"] == residual) & (runs["trained"] == trained)]
        return rows[rows["depth"] == deepest].sort_values("seed")[name].to_numpy()

    def compared(what: str, part: str, published: str, values: np.ndarray, sign: int) -> Claim:
        found = spread(values.tolist())
        return Claim(
            claim=what, source=f"{PAPER}, {part}", published=published, measured=found.mean,
            low=found.low, high=found.high, n=found.n, of="seeds", setting=setting,
            verdict=signed(found.mean, found.low, found.high, sign),
        )  # fmt: skip

    name = f"{deepest} blocks"
    found = spread(of("within_classes").tolist())
    yield Claim(
        claim=f"{name}: share of branches of rank at most C = 10 (values above 1 % of the largest)",
        source=f"{PAPER}, RA3", published="all", measured=found.mean, low=found.low,
        high=found.high, n=found.n, of="seeds", setting=setting, percent=True,
        verdict=near(found.mean, 1.0, tolerance=0.05, away_from=0.5),
    )  # fmt: skip
    yield compared(
        f"{name}: sigma 11 over sigma 1 falls in training, difference", "RA3", "to about 0",
        of("beyond_classes") - of("beyond_classes", trained=False), -1,
    )  # fmt: skip
    yield _slope(runs, setting)
    yield compared(
        f"{name}: a step's cosine with the whole way, above that of steps at right angles", "RA1",
        "on a line: 1", of("cosine") - of("chance_cosine"), 1,
    )  # fmt: skip
    yield compared(
        f"{name}: the spread of the steps' lengths falls in training, difference", "RA1",
        "equispaced: to 0", of("variation") - of("variation", trained=False), -1,
    )  # fmt: skip
    yield compared(
        f"{name}: alignment of different blocks, above random directions", "RA2",
        "strong diagonals", of("alignment") - of("chance"), 1,
    )  # fmt: skip
    yield compared(
        f"{name}: alignment of different blocks with skips, above that without", "counterfactual",
        "vanishes without skips", of("alignment") - of("alignment", residual=False), 1,
    )  # fmt: skip
    yield compared(
        f"{name}: share of the states' variance on one axis with skips, above that without",
        "counterfactual", "vanishes without skips",
        of("first_axis") - of("first_axis", residual=False), 1,
    )  # fmt: skip


def _slope(runs: pd.DataFrame, setting: str) -> Claim:
    slopes = []
    rows = runs[runs["residual"] & runs["trained"]]
    for _, one in rows.groupby("seed"):
        law = power_law(one["depth"].astype(float).tolist(), one["sigma_1"].tolist())
        slopes.append(law.slope)
    found = spread(slopes)
    return Claim(
        claim="sigma 1 goes as a power of the number of blocks: exponent", source=f"{PAPER}, RA4",
        published="-1", measured=found.mean, low=found.low, high=found.high, n=found.n, of="seeds",
        setting=setting,
        verdict=near(found.mean, -1.0, low=found.low, high=found.high, away_from=0.0),
    )  # fmt: skip


def _other(family: str, rows: pd.DataFrame) -> Iterator[Claim]:
    """Compare one network with its architecture at initialisation: no interval for one."""
    trained, initial = (rows[rows["trained"] == is_so].iloc[0] for is_so in (True, False))
    for what, part, published, name, sign in (
        ("sigma 11 over sigma 1, trained less initial", "RA3", "to about 0", "beyond_classes", -1),
        ("share of M's squares on the diagonal, trained less initial", "RA2", "strong diagonals",
         "diagonal", 1),
        ("alignment of different blocks, trained less initial", "RA2", "strong diagonals",
         "alignment", 1),
        ("a step's cosine with the whole way, trained less initial", "RA1", "on a line: 1",
         "cosine", 1),
    ):  # fmt: skip
        change = float(trained[name] - initial[name])
        if math.isnan(change):
            continue
        setting = f"{family}, {trained['n']} images, {trained['blocks']} blocks"
        yield Claim(
            claim=what, source=f"{PAPER}, {part}", published=published, measured=change,
            n=int(trained["n"]), of="images", setting=setting,
            verdict=signed(change, math.nan, math.nan, sign),
        )  # fmt: skip
