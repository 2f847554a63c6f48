"""The loss around a trained network, in slices along random directions.

Conventions
-----------
A slice shows L(w + a d1 + b d2), the mean cross entropy in nats per image, at the weights w of the
network moved along random directions that are filter by filter as large as w: one unit of a or
b is as far from w as the origin is. BatchNorm keeps its stored statistics and its own parameters,
biases stay as they are, and the network is in eval mode, as in the paper.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from resprobe.chain import Chain, left_as_found
from resprobe.datasets import Batches
from resprobe.probes.kept import Kept, fingerprint, network_digest
from resprobe.probes.landscapes.directions import directions
from resprobe.probes.landscapes.grid import Grid, shape_facts
from resprobe.probes.landscapes.measuring import COUNTS, measured
from resprobe.probes.study import check_fit, provenance
from resprobe.results import Result, versions
from resprobe.statistics import mean_interval, wilson

__all__ = ["POINTS", "POINTS_ON_LINE", "SPAN", "landscape"]

POINTS, POINTS_ON_LINE, SPAN = 21, 51, 1.0
LEVELS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Losses in nats per image, below which the share of the slice is told."""

_WHOLE = "places"


def landscape(
    chain: Chain,
    data: Batches,
    *,
    points: int | None = None,
    span: float = SPAN,
    line: bool = False,
    filter_normalised: bool = True,
    network: str = "network",
    seed: int = 0,
    resume: Path | None = None,
    about: dict[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> Result:
    """Measure loss and error around a network, on a line or a plane through its weights.

    As many forward passes over the images as there are places. The weights are never written
    on, and memory is that of a forward pass and of two or three more copies of them.

    Parameters
    ----------
    chain : Chain
        From :func:`resprobe.unravel`.
    data : Batches
        Images with labels, normalised as the network wants them.
    points : int, optional
        Along each direction, an odd number: 21 by default (441 places), 51 on a line.
    span : float
        How far the slice reaches to both sides, in lengths of the directions.
    line : bool
        Whether to go along the first direction alone.
    filter_normalised : bool
        Whether directions are as large as the weights filter by filter, and not only as a
        whole. Without it a slice changes when weights are rescaled and the network is not.
    network : str
        Its name in the table.
    seed : int
        Of the directions: they are the same on every device.
    resume : Path, optional
        A file to keep every finished place in; a slice that was interrupted goes on from it
        and ends with the same numbers. It stays when the slice is done:
        :func:`resprobe.probes.kept.forget` takes it away.
    about, progress
        As for :func:`resprobe.lesion`; progress is counted in places.
    say : callable, optional
        Told what a user should know, in words.

    Returns
    -------
    Result
        Named "landscape", a row per place: ``network, a, b`` (0 on a line), ``n``, ``loss``
        (mean cross entropy, nats per image; infinite or NaN where an answer is not finite),
        ``error`` (fraction of wrong answers), each with its 95 % interval ``_low`` and
        ``_high`` over images (normal; Wilson). At a = b = 0 they are the network's own.
        ``meta["networks"][0]["landscape"]`` says how smooth the slice is:
        see :func:`resprobe.probes.landscapes.shape_facts`, and ``below``, the share of the
        places whose loss is below each of some levels.

    Raises
    ------
    InputError
        If images and network do not fit, or the images have no labels.
    UsageError
        If points or span are out of range.

    References
    ----------
    Li, Xu, Taylor, Studer, Goldstein, "Visualizing the Loss Landscape of Neural Nets", NeurIPS
    2018, sections 4 and 5.

    Examples
    --------
    >>> from resprobe import Architecture, Batches, load_data, unravel
    >>> images = load_data("embedded").subset(10)
    >>> data = Batches(images, images.normalisation)
    >>> chain = unravel(
    ...     Architecture("resnet8", in_channels=1, width=2).build(), data.example()
    ... )
    >>> landscape(chain, data, points=3, line=True).frame["a"].tolist()
    [-1.0, 0.0, 1.0]
    """
    grid = Grid(
        points=(POINTS_ON_LINE if line else POINTS) if points is None else points,
        span=span, line=line,
    )  # fmt: skip
    check_fit(chain, data)
    settings = {
        "points": grid.points, "span": span, "line": line, "filter_normalised": filter_normalised,
    }  # fmt: skip
    kept = Kept()
    if resume is not None:
        facts = {
            **settings,
            "seed": seed,
            "weights": network_digest(chain),
            "data": [data.data.digest, data.describe()],
            "version": versions()["resprobe"],
        }
        kept = Kept(resume, fingerprint(facts), say=say, unit="places")
    sums = _swept(chain, data, grid, kept, progress, seed, filter_normalised)
    frame = _frame(grid, sums, data.n, network)
    losses = frame["loss"].to_numpy()
    shape = losses if line else losses.reshape(grid.points, grid.points)
    below = {str(level): float((losses < level).mean()) for level in LEVELS}
    about = {**(about or {}), "landscape": {**shape_facts(shape), "below": below}}
    meta = {
        "settings": settings,
        **provenance(chain, data, network=network, seed=seed, about=about),
    }
    return Result("landscape", frame, meta)


def _swept(
    chain: Chain,
    data: Batches,
    grid: Grid,
    kept: Kept,
    progress: Callable[[int, int], None] | None,
    seed: int,
    filter_normalised: bool,
) -> Tensor:
    """Measure all places that are not kept yet; return the sums of all."""
    places = grid.places
    ways = directions(chain, 1 if grid.line else 2, seed=seed, filter_normalised=filter_normalised)
    sums = torch.zeros(len(places), len(COUNTS), dtype=torch.float64)
    done, before = kept.get(_WHOLE) or (0, sums)
    sums[:done] = before[:done]
    with left_as_found(chain, training=False, requires_grad=False), torch.inference_mode():
        for number, place in enumerate(places[done:], start=done):
            sums[number] = measured(chain, data, ways, place)
            kept.put(_WHOLE, number + 1, sums, whole=True)
            if progress:
                progress(number + 1, len(places))
    return sums


def _frame(grid: Grid, sums: Tensor, n: int, network: str) -> pd.DataFrame:
    rows = []
    for place, (total, squares, correct) in zip(grid.places, sums.tolist(), strict=True):
        a, b = (*place, 0.0)[:2]
        loss, wrong = total / n, n - round(correct)
        loss_low, loss_high = mean_interval(n, loss, squares / n)
        low, high = wilson(wrong, n)
        rows.append(
            {
                "network": network, "a": a, "b": b, "n": n, "loss": loss,
                "loss_low": loss_low if np.isfinite(loss) else float("nan"),
                "loss_high": loss_high if np.isfinite(loss) else float("nan"),
                "error": wrong / n, "error_low": low, "error_high": high,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)
