"""Predictors of damage: whether a branch's size or gradient says what deleting it costs.

Conventions
-----------
Three measurements of a block are set against two of the damage that its deletion does:
``ratio``, ``||branch(x)|| / ||shortcut(x)||``; ``residual_share`` and ``cosine``, the share of the
gradient that comes back through the branch and its angle to the other part; and ``error_rise``
and ``loss_rise``. A correlation has two kinds of uncertainty, which are told apart: the network
has few blocks (``low``, ``high``, ``p``: the blocks are taken as a sample), and each is measured
on few images (``resampled_*``, ``reliability_*``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch

from resprobe.chain import Chain
from resprobe.datasets import Batches
from resprobe.errors import InputError, UsageError
from resprobe.probes.damage.correlating import correlations
from resprobe.probes.gradients import gradflow
from resprobe.probes.lesions import lesion
from resprobe.probes.magnitudes import magnitude
from resprobe.probes.study import block_labels, check_fit, provenance
from resprobe.results import Result

__all__ = ["DAMAGES", "PREDICTORS", "SETS", "Predictors", "check_sets", "image_sets", "predictors"]

PREDICTORS = ("ratio", "residual_share", "cosine")
DAMAGES = ("error_rise", "loss_rise")
LEAST_BLOCKS = 4
SETS = 20

Progress = Callable[[int, int], None]


class Predictors(NamedTuple):
    """The two tables of :func:`predictors`: per block, and per correlation."""

    blocks: Result
    correlations: Result


def predictors(
    chain: Chain,
    data: Batches,
    *,
    network: str = "network",
    sets: int = SETS,
    seed: int = 0,
    about: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> Predictors:
    """Correlate size and gradient of every residual branch with the damage of its deletion.

    The images are divided at random into disjoint sets, and each is measured by itself with
    :func:`resprobe.lesion`, :func:`resprobe.gradflow` and the norms of both paths. A figure of
    all images is the mean over the sets. Eval mode; the model is left as it was found.

    Parameters
    ----------
    chain : Chain
        From :func:`resprobe.unravel`, with 4 residual blocks or more.
    data : Batches
        Images with labels, normalised as the network wants them.
    network : str
        Its name in the tables.
    sets : int
        Disjoint image sets, 2 or more; from 10 on the intervals over images deserve their name.
    seed : int
        Of the division into sets, of resampling them, and of permutations.
    about : dict, optional
        What else the result should say about the network (checkpoint, sum, architecture).
    progress : callable, optional
        Called with (sets done, sets in all).

    Returns
    -------
    Predictors
        ``blocks``: Result "predictors", one row per block: ``network, block, name, stage, kind,
        n`` (images)``, ratio, residual_share, cosine, error_rise, loss_rise`` (nats per image),
        each with ``_se``, its standard error over the image sets.
        ``correlations``: Result "predictors-correlations", one row per ``network, predictor,
        damage, blocks`` ("all" | "identity": without transitions) ``, method`` ("spearman" |
        "kendall"): ``n`` (blocks), ``images, sets, estimate, low, high, p`` as in
        :class:`resprobe.ranks.RankCorrelation`; ``resampled_low, resampled_high``, the middle
        95 % of the estimate when the image sets are drawn anew with replacement;
        ``reliability_predictor, reliability_damage``, the correlation of a measurement with
        itself on the other half of the sets, mean over random halves: far below 1, it is the
        images that limit the estimate. Where there is no number, as for fewer than 4 identity
        blocks, it is NaN.

    Raises
    ------
    InputError
        If images and network do not fit, the network is plain or has fewer than 4 blocks, or
        there are fewer images than sets.
    UsageError
        If ``sets`` is less than 2.
    ResprobeError
        As :func:`resprobe.gradflow`.

    References
    ----------
    Veit, Wilber, Belongie 2016, section 4.1 (damage). Intervals and p values: see
    :func:`resprobe.ranks.spearman`.

    Examples
    --------
    >>> from resprobe import Architecture, Batches, load_data, unravel
    >>> images = load_data("embedded").subset(20)
    >>> data = Batches(images, images.normalisation)
    >>> model = Architecture("resnet14", in_channels=1, width=2).build()
    >>> found = predictors(unravel(model, data.example()), data, sets=2)
    >>> found.blocks.frame["name"].tolist()[:3], len(found.correlations.frame)
    (['layer1.0', 'layer1.1', 'layer2.0'], 24)
    """
    check_sets(chain, data, sets)
    parts = image_sets(data, sets, seed=seed)
    measured = []
    for done, part in enumerate(parts, start=1):
        measured.append(_measured(chain, part))
        if progress:
            progress(done, sets)
    values = np.stack(measured)
    weights = np.array([part.n for part in parts]) / data.n
    labels = pd.DataFrame(block_labels(chain, network=network, n=data.n))
    identity = labels["kind"].to_numpy() == "identity"
    table = correlations(
        values,
        weights,
        columns=(*PREDICTORS, *DAMAGES),
        predictors=PREDICTORS,
        subsets={"all": np.ones(len(labels), bool), "identity": identity},
        least=LEAST_BLOCKS,
        seed=seed,
    ).assign(network=network, images=data.n, sets=sets)
    meta = {
        "sets": sets,
        "confidence": 0.95,
        **provenance(chain, data, network=network, seed=seed, about=about),
    }
    return Predictors(
        Result("predictors", _block_frame(labels, values, weights), meta),
        Result("predictors-correlations", table[_ORDER], meta),
    )


_ORDER = [
    "network", "predictor", "damage", "blocks", "method", "n", "images", "sets", "estimate", "low",
    "high", "p", "resampled_low", "resampled_high", "reliability_predictor", "reliability_damage",
]  # fmt: skip


def check_sets(chain: Chain, data: Batches, sets: int) -> None:
    """Raise unless the blocks can be correlated and the images divided, as :func:`predictors`."""
    check_fit(chain, data)
    if sets < 2:
        raise UsageError(f"the images are divided into 2 sets or more; got {sets}")
    if data.n < sets:
        raise InputError(
            f"the images are divided into {sets} sets and there are {data.n}; take more images or "
            "fewer sets"
        )
    if chain.is_plain:
        raise InputError(
            "the network has plain blocks only, and what is compared is branch and shortcut of "
            "residual ones; give it a network with residual blocks"
        )
    if len(chain.blocks) < LEAST_BLOCKS:
        raise InputError(
            f"a rank correlation over blocks wants {LEAST_BLOCKS} residual blocks or more; this "
            f"network has {len(chain.blocks)}, so take a deeper one"
        )


def image_sets(data: Batches, sets: int, *, seed: int) -> list[Batches]:
    """Divide images at random into disjoint sets whose sizes differ by one at most.

    Examples
    --------
    >>> from resprobe import Batches, load_data
    >>> images = load_data("embedded").subset(20)
    >>> [part.n for part in image_sets(Batches(images, images.normalisation), 3, seed=0)]
    [7, 7, 6]
    """
    order = np.random.default_rng(seed).permutation(data.n)
    device = data.data.device
    return [
        replace(data, data=data.data.take(torch.from_numpy(np.sort(part)).to(device)))
        for part in np.array_split(order, sets)
    ]


def _measured(chain: Chain, data: Batches) -> np.ndarray:
    """Return (measurements, blocks) of one image set."""
    flow = gradflow(chain, data, identity=False).blocks.frame
    damage = lesion(chain, data).frame
    deleted = damage[damage["lesion"] != "intact"]
    return np.stack(
        [
            magnitude(chain, data).blocks.frame["ratio"].to_numpy(),
            flow["residual_share"].to_numpy(),
            flow["cosine"].to_numpy(),
            deleted["error_rise"].to_numpy(),
            deleted["loss_rise"].to_numpy(),
        ]
    )


def _block_frame(labels: pd.DataFrame, values: np.ndarray, weights: np.ndarray) -> pd.DataFrame:
    """Put mean and standard error over the sets beside the labels; ``values`` (sets, ., blocks)."""
    means = np.einsum("s,smb->mb", weights, values)
    errors = values.std(axis=0, ddof=1) / len(values) ** 0.5
    columns = (*PREDICTORS, *DAMAGES)
    return labels.assign(
        **dict(zip(columns, means, strict=True)),
        **{f"{name}_se": row for name, row in zip(columns, errors, strict=True)},
    )
