"""From sums over images to the figures of a table, with their intervals."""

from __future__ import annotations

import math

from torch import Tensor

from resprobe.probes.lesions.tally import Sum
from resprobe.statistics import mean_interval, paired_difference, wilson

__all__ = ["FIGURES", "figures_of", "missing"]

FIGURES = (
    "n", "correct", "accuracy", "accuracy_low", "accuracy_high", "error", "error_rise",
    "error_rise_low", "error_rise_high", "loss", "loss_rise", "loss_rise_low", "loss_rise_high",
    "agreement", "agreement_low", "agreement_high", "kl", "kl_low", "kl_high", "interaction",
    "interaction_low", "interaction_high",
)  # fmt: skip

Figures = dict[str, float]


def missing(n: int = 0) -> Figures:
    """Return the figures of what could not be measured."""
    return dict.fromkeys(FIGURES, math.nan) | {"n": n, "correct": -1}


def figures_of(
    sums: Tensor, *, labelled: bool, has_parts: bool = False, confidence: float = 0.95
) -> Figures:
    """Return what one lesion did to one group of images.

    Parameters
    ----------
    sums : float64 Tensor of shape (sums,)
        From :func:`resprobe.probes.lesions.tally.measure`.
    labelled : bool
        Whether the images have labels; accuracy and loss are NaN otherwise.
    has_parts : bool
        Whether the lesion is made of others, which it has an interaction of.
    confidence : float
        Of the intervals.
    """
    n = int(sums[Sum.IMAGES])
    if n == 0:
        return missing()
    found = missing(n)
    if labelled:
        found |= _accuracy(sums, n, confidence) | _loss(sums, n, confidence)
    agree = int(sums[Sum.AGREE])
    found |= _with_interval("agreement", agree / n, wilson(agree, n, confidence=confidence))
    kl = float(sums[Sum.KL]) / n
    found |= _with_interval(
        "kl", kl, mean_interval(n, kl, float(sums[Sum.KL_SQUARED]) / n, confidence=confidence)
    )
    if found["kl_low"] < 0:
        found["kl_low"] = 0.0
    if has_parts:
        found |= _interaction(sums, n, confidence)
    return found


def _accuracy(sums: Tensor, n: int, confidence: float) -> Figures:
    correct, both = int(sums[Sum.CORRECT]), int(sums[Sum.BOTH_CORRECT])
    lost, gained = int(sums[Sum.INTACT_CORRECT]) - both, correct - both
    rise, *limits = paired_difference(
        both, lost, gained, n - both - lost - gained, confidence=confidence
    )
    return {
        "correct": correct,
        **_with_interval("accuracy", correct / n, wilson(correct, n, confidence=confidence)),
        "error": 1 - correct / n,
        **_with_interval("error_rise", rise, (limits[0], limits[1])),
    }


def _loss(sums: Tensor, n: int, confidence: float) -> Figures:
    rise = float(sums[Sum.LOSS_RISE]) / n
    squares = float(sums[Sum.LOSS_RISE_SQUARED]) / n
    return {
        "loss": float(sums[Sum.LOSS]) / n,
        **_with_interval("loss_rise", rise, mean_interval(n, rise, squares, confidence=confidence)),
    }


def _interaction(sums: Tensor, n: int, confidence: float) -> Figures:
    beyond, squares = float(sums[Sum.INTERACTION]), float(sums[Sum.INTERACTION_SQUARED])
    # one image more at either end: where all images agree, the interval keeps a width
    low, high = mean_interval(
        n + 2, beyond / (n + 2), (squares + 2) / (n + 2), confidence=confidence
    )
    mean = beyond / n
    return _with_interval("interaction", mean, (min(low, mean), max(high, mean)))


def _with_interval(name: str, value: float, limits: tuple[float, float]) -> Figures:
    return {name: value, f"{name}_low": limits[0], f"{name}_high": limits[1]}
