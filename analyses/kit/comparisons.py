"""Networks that were trained alike, with several seeds each, and the differences between them.

A table of runs has a row for each network and seed: ``name``, ``seed``, and its figures after the
last epoch. Differences are taken seed by seed, for both networks of a pair start from the same
seed and see the same images in the same order; the interval is Student's over the seeds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from kit.claims import Claim, Verdict, between, near, signed
from scipy.stats import t as student

from resprobe.statistics import Spread, spread

__all__ = ["Pair", "compared", "differences", "spreads", "welch"]

NO_SPREAD = Spread(0, math.nan, math.nan, math.nan, math.nan)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two networks, and the figure by which the first is compared with the second."""

    first: str
    second: str
    figure: str

    @property
    def name(self) -> str:
        """What tables call it."""
        return f"{self.first} - {self.second}"

    def values(self, runs: pd.DataFrame) -> list[float]:
        """Return the differences of the seeds that both have, in the order of the seeds."""
        first, second = (_by_seed(runs, name, self.figure) for name in (self.first, self.second))
        return [first[seed] - second[seed] for seed in sorted(first) if seed in second]

    def spread(self, runs: pd.DataFrame) -> Spread:
        """Return their mean with its interval; n = 0 where no seed has both."""
        found = self.values(runs)
        return spread(found) if found else NO_SPREAD


def _by_seed(runs: pd.DataFrame, name: str, figure: str) -> dict[int, float]:
    rows = runs[(runs["name"] == name) & runs[figure].notna()]
    return dict(zip(rows["seed"].astype(int), rows[figure].astype(float), strict=True))


def differences(runs: pd.DataFrame, pairs: Iterable[Pair]) -> pd.DataFrame:
    """Return ``pair, figure, n, mean, sd, low, high``, a row for each pair."""
    return pd.DataFrame([_row(pair.name, pair.figure, pair.spread(runs)) for pair in pairs])


def spreads(runs: pd.DataFrame, figures: Sequence[str]) -> pd.DataFrame:
    """Return the same of each network; ``pair`` is its name."""
    rows = [
        _row(str(name), figure, spread(list(found.values())))
        for figure in figures
        for name in runs["name"].unique()
        if (found := _by_seed(runs, str(name), figure))
    ]
    return pd.DataFrame(rows)


def _row(name: str, figure: str, found: Spread) -> dict[str, object]:
    return {"pair": name, "figure": figure, **asdict(found)}


def compared(
    runs: pd.DataFrame,
    pair: Pair,
    *,
    claim: str,
    source: str,
    published: str,
    setting: str,
    sign: int = 0,
    number: float = math.nan,
    margin: float = 0.0,
    percent: bool = True,
) -> Claim:
    """Make a claim of a difference.

    Parameters
    ----------
    runs : DataFrame
        The runs.
    pair : Pair
        What is compared.
    claim, source, published, setting : str
        As in :class:`kit.claims.Claim`.
    sign : int
        The published direction, 1 for above 0 and -1 for below: alone it is judged by ``signed``.
    number : float
        The published difference, which is judged by ``near``: it must lie in the interval. With
        a ``sign``, 0 speaks against it.
    margin : float
        Where no difference is published, how large one may be: it is judged by ``between``.
    percent : bool
        Whether people read percent.

    Returns
    -------
    Claim
        "not testable here" where no seed has both networks; with one seed, which gives no
        interval, "same direction" at best.
    """
    found = pair.spread(runs)
    return Claim(
        claim=claim,
        source=source,
        published=published,
        measured=found.mean,
        low=found.low,
        high=found.high,
        n=found.n,
        of="seed" if found.n == 1 else "seeds",
        setting=setting if found.n else f"{setting}; no seed of both networks was trained yet",
        verdict=_verdict(found, sign, number, margin),
        percent=percent,
    )


def _verdict(found: Spread, sign: int, number: float, margin: float) -> Verdict:
    if found.n == 0:
        return Verdict.NOT_TESTABLE
    if margin:
        values = {"measured": found.mean, "low": found.low, "high": found.high}
        return between(values, -margin, margin)
    if math.isnan(number):
        return signed(found.mean, found.low, found.high, sign)
    if found.n == 1:
        return signed(found.mean, math.nan, math.nan, 1 if number > 0 else -1)
    against = 0.0 if sign else None
    return near(found.mean, number, low=found.low, high=found.high, away_from=against)


def welch(one: np.ndarray, other: np.ndarray) -> tuple[float, float, float]:
    """Return the difference of two means with its 95 % interval, the variances unequal.

    References
    ----------
    B. L. Welch, "The generalization of Student's problem", Biometrika 34 (1947).

    Examples
    --------
    >>> mean, low, high = welch(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0]))
    >>> round(mean, 3), low < mean < high
    (-2.0, True)
    """
    errors = np.array([values.var(ddof=1) / len(values) for values in (one, other)])
    difference = float(one.mean() - other.mean())
    degrees = errors.sum() ** 2 / (errors**2 / [len(one) - 1, len(other) - 1]).sum()
    half = float(student.ppf(0.975, degrees)) * math.sqrt(errors.sum())
    return difference, difference - half, difference + half
