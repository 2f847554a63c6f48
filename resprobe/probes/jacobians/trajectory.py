"""Whether the states of one image run along a straight line, in equal steps (property RA1)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

__all__ = ["Trajectory", "gram_of", "trajectory"]

Array = npt.NDArray[np.float64]


class Trajectory(NamedTuple):
    """The steps h_{i+1} - h_i of L blocks, and what they make together.

    Attributes
    ----------
    cosines : array of shape (L,)
        Of each step with the whole way h_L - h_0; NaN of no step, or no way.
    lengths : array of shape (L,)
        Of each step, over their mean; their standard deviation is ``variation``.
    variation : float
        Coefficient of variation of the lengths: 0 for equal steps.
    straightness : float
        ||h_L - h_0|| over the sum of the lengths: 1 for a straight line.
    first_axis : float
        Share of the variance of h_0 ... h_L on their first principal axis: 1 for a line.
    """

    cosines: Array
    lengths: Array
    variation: float
    straightness: float
    first_axis: float


def gram_of(states: Sequence[Tensor]) -> Array:
    """Return the inner products of the steps between states of one image, in float64."""
    flat = torch.stack([state.flatten() for state in states]).detach().cpu().double()
    steps = flat.diff(dim=0)
    return (steps @ steps.T).numpy()


def trajectory(gram: Array) -> Trajectory:
    """Describe a path by the inner products of its steps, (L, L).

    With fewer than two steps, or none that is not 0, nothing can be said: all is NaN.

    References
    ----------
    J. Li, V. Papyan, "Residual Alignment", NeurIPS 2023 (property RA1); the scores are ours.

    Examples
    --------
    >>> found = trajectory(np.ones((3, 3)))  # three times the same step
    >>> found.cosines.tolist(), found.variation, round(found.first_axis, 6)
    ([1.0, 1.0, 1.0], 0.0, 1.0)
    >>> round(float(trajectory(np.eye(4)).cosines[0]), 6)  # steps at right angles
    0.5
    """
    steps = len(gram)
    lengths = np.sqrt(gram.diagonal().clip(0))
    mean, way = float(lengths.mean()) if steps else 0.0, math.sqrt(max(0.0, float(gram.sum())))
    if steps < 2 or mean == 0:
        nothing = np.full(steps, math.nan)
        return Trajectory(nothing, nothing, math.nan, math.nan, math.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosines = (gram.sum(1) / (lengths * way)).clip(-1, 1)
    return Trajectory(
        cosines,
        lengths / mean,
        float(lengths.std()) / mean,
        min(way / float(lengths.sum()), 1.0),
        _first_axis(gram),
    )


def _first_axis(gram: Array) -> float:
    """Return the largest eigenvalue's share of the centred states' inner products."""
    steps = len(gram)
    states = np.tril(np.ones((steps + 1, steps)), -1)  # h_i - h_0 is the sum of i steps
    centred = states - states.mean(0)
    eigenvalues = np.linalg.eigvalsh(centred @ gram @ centred.T)
    whole = float(eigenvalues.clip(0).sum())
    return float(eigenvalues[-1]) / whole if whole else math.nan
