"""From the sums of a method to the columns of the table."""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor

from resprobe.probes.path_lengths.drawing import DrawnPaths

__all__ = ["Columns", "exact_columns", "rms_columns", "sampled_columns"]

Columns = dict[str, np.ndarray]


def exact_columns(found: Tensor, log2_counts: np.ndarray) -> Columns:
    """Return what all paths of a length carry together, with standard errors over images."""
    norms, dots = found[:, 0, :-1].numpy(), found[:, 1, :-1].numpy()
    squared = found[:, 1, -1].numpy()
    whole = squared.sum()
    projection = dots.sum(0) / whole if whole else np.full(dots.shape[1], np.nan)
    residual = dots - projection * squared[:, None]  # of the ratio of two sums
    n = len(norms)
    return {
        "together": norms.mean(0),
        "together_se": _standard_error(norms),
        "average": _per_path(norms.mean(0), log2_counts),
        "average_se": _per_path(_standard_error(norms), log2_counts),
        "gradient": found[:, 0, -1].mean(0).numpy(),
        "projection": projection,
        "projection_se": _standard_error(residual) * n / whole if whole else projection,
    }


def rms_columns(squares: Tensor, log2_counts: np.ndarray) -> Columns:
    """Return the root mean square of a path's norm from the mean squares of every draw.

    Its standard error over draws is that of the mean square, carried over to first order.
    """
    mean = squares.numpy()
    summed, error = mean.mean(0), _standard_error(mean)
    return _root(_per_path(summed, log2_counts), _per_path(error, log2_counts))


def sampled_columns(found: Tensor, drawn: DrawnPaths) -> Columns:
    """Return mean and root mean square of a path's norm, with standard errors over draws."""
    norms, squares = (found[i].numpy()[drawn.which].T for i in range(2))
    return {
        "norm": norms.mean(0),
        "norm_se": _standard_error(norms),
        **_root(squares.mean(0), _standard_error(squares)),
    }


def _root(square: np.ndarray, error: np.ndarray) -> Columns:
    root = np.sqrt(square)
    return {"rms": root, "rms_se": np.divide(error, 2 * root, out=error * 0, where=root > 0)}


def _per_path(summed: np.ndarray, log2_counts: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.asarray(np.exp2(np.log2(summed) - log2_counts))


def _standard_error(values: np.ndarray) -> np.ndarray:
    """Return that of the mean over the first axis; NaN of one value."""
    if len(values) < 2:
        return np.full(values.shape[1:], np.nan)
    return np.asarray(values.std(0, ddof=1) / math.sqrt(len(values)))
