"""Correlations over blocks of what was measured on several image sets."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from resprobe.ranks import RankCorrelation, kendall, kendall_tau, spearman, spearman_rho

__all__ = ["correlations"]

RESAMPLES, HALVES = 1_000, 100

Statistic = Callable[[np.ndarray, np.ndarray], np.ndarray]
_METHODS = {"spearman": (spearman, spearman_rho), "kendall": (kendall, kendall_tau)}


def correlations(
    values: np.ndarray,
    weights: np.ndarray,
    *,
    columns: Sequence[str],
    predictors: Sequence[str],
    subsets: Mapping[str, np.ndarray],
    least: int,
    seed: int,
) -> pd.DataFrame:
    """Correlate every predictor with every other column, over each subset of the blocks.

    Parameters
    ----------
    values : ndarray of shape (sets, columns, blocks)
        What was measured on each image set.
    weights : ndarray of shape (sets,)
        Share of the images in each set.
    columns : sequence of str
        What was measured: the predictors, and what they are to predict.
    predictors : sequence of str
        Some of the columns.
    subsets : mapping of str to bool ndarray of shape (blocks,)
        Which blocks are correlated.
    least : int
        Blocks that a correlation wants; NaN for fewer.
    seed : int
        Of what is drawn.

    Returns
    -------
    DataFrame
        ``predictor, damage, blocks, method, n, estimate, low, high, p, resampled_low,
        resampled_high, reliability_predictor, reliability_damage``.
    """
    draws, halves = _resampled(values, weights, seed), _halved(values, weights, seed)
    whole = np.einsum("s,scb->cb", weights, values)
    rows: list[dict[str, Any]] = []
    for predictor in predictors:
        for damage in (name for name in columns if name not in predictors):
            pair = [columns.index(name) for name in (predictor, damage)]
            for subset, chosen in subsets.items():
                for method, (test, statistic) in _METHODS.items():
                    kept = np.flatnonzero(chosen)
                    here = whole[pair][:, kept]
                    few = chosen.sum() < least or np.isnan(here).any()
                    rows.append(
                        {"predictor": predictor, "damage": damage, "blocks": subset}
                        | {"method": method, "n": int(chosen.sum())}
                        | _figures(test(*here, seed=seed) if not few else None)
                        | _noise(
                            statistic if not few else None,
                            draws[:, pair][..., kept],
                            halves[:, :, pair][..., kept],
                        )
                    )
    return pd.DataFrame(rows)


def _figures(found: RankCorrelation | None) -> dict[str, float]:
    names = ("estimate", "low", "high", "p")
    return {name: math.nan if found is None else float(getattr(found, name)) for name in names}


def _noise(statistic: Statistic | None, draws: np.ndarray, halves: np.ndarray) -> dict[str, float]:
    """Say how far the estimate hangs on the images.

    Parameters
    ----------
    draws : ndarray of shape (draws, 2, blocks)
        Predictor and damage with other image sets.
    halves : ndarray of shape (draws, 2, 2, blocks)
        The same on one half of the sets and on the other.
    """
    names = ("resampled_low", "resampled_high", "reliability_predictor", "reliability_damage")
    if statistic is None:
        return dict.fromkeys(names, math.nan)
    middle = np.quantile(statistic(draws[:, 0], draws[:, 1]), (0.025, 0.975))
    itself = statistic(halves[:, 0], halves[:, 1]).mean(0)
    return dict(zip(names, (*middle.tolist(), *itself.tolist()), strict=True))


def _resampled(values: np.ndarray, weights: np.ndarray, seed: int) -> np.ndarray:
    """Return the means over image sets drawn with replacement, (draws, columns, blocks)."""
    rng = np.random.default_rng((seed, 1))
    drawn = rng.integers(len(values), size=(RESAMPLES, len(values)))
    return np.stack([_mean(values[sets], weights[sets]) for sets in drawn])


def _halved(values: np.ndarray, weights: np.ndarray, seed: int) -> np.ndarray:
    """Return the means over random halves of the image sets, (draws, 2, columns, blocks)."""
    rng = np.random.default_rng((seed, 2))
    half = len(values) // 2
    orders = [rng.permutation(len(values)) for _ in range(HALVES)]
    return np.stack(
        [
            np.stack([_mean(values[part], weights[part]) for part in (order[:half], order[half:])])
            for order in orders
        ]
    )


def _mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.asarray(np.einsum("s,scb->cb", weights / weights.sum(), values))
