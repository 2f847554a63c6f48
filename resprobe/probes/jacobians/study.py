"""Residual alignment: the Jacobians of the branches, and the path of the states.

Conventions
-----------
J_i = dF_i/dx is the Jacobian of block i's branch at the block's input, one for each image, in
eval mode; of a plain block it is that of its layers. Its rows and columns are all elements of
the block's output and input: singular values have no unit within a stage, and scale with F.
Blocks are compared within a stage, identity blocks alone: others have spaces of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from resprobe.chain import Chain
from resprobe.datasets import Batches
from resprobe.probes.jacobians.measuring import measured
from resprobe.probes.jacobians.setting import Setting
from resprobe.probes.jacobians.tables import (
    alignment_frame,
    block_frame,
    matrix_frame,
    stage_facts,
    stream_frame,
    value_frame,
)
from resprobe.probes.study import check_fit, provenance
from resprobe.results import Result

__all__ = ["ITERATIONS", "OVERSAMPLING", "TOLERANCE", "TRIPLETS", "Geometry", "geometry"]

TRIPLETS, OVERSAMPLING, ITERATIONS, TOLERANCE = 12, 10, 6, 0.01


class Geometry(NamedTuple):
    """The tables of :func:`geometry`."""

    blocks: Result
    values: Result
    alignment: Result
    matrices: Result
    stream: Result


def geometry(
    chain: Chain,
    data: Batches,
    *,
    k: int = TRIPLETS,
    oversampling: int = OVERSAMPLING,
    iterations: int = ITERATIONS,
    tolerance: float = TOLERANCE,
    network: str = "network",
    seed: int = 0,
    about: dict[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Geometry:
    """Decompose the Jacobian of every branch, and see whether blocks pull in one direction.

    One image at a time, in eval mode; the model is left as it was found. A block takes
    ``(2 iterations + 3) (k + oversampling) + oversampling`` products with its Jacobian or its
    transpose per image (each about a forward and backward pass through the branch), and a
    pair of blocks of one stage ``k`` more. Means over images are kept, and of one image at a
    time the states, and the singular vectors of one stage: memory does not grow with the number
    of images.

    Parameters
    ----------
    chain : Chain
        From :func:`resprobe.unravel`.
    data : Batches
        Images, normalised as the network wants them, with labels or without. A few will do.
    k : int
        Singular triplets of each Jacobian, or as many as it has. More than there are classes,
        where ``beyond_classes`` is wanted.
    oversampling, iterations : int
        Further directions, and power iterations, of the randomised decomposition. Where
        ``k + oversampling`` is not less than the size of the Jacobian it is exact.
    tolerance : float
        Singular values above ``tolerance`` times the largest one count for the rank.
    network : str
        Its name in the tables.
    seed : int
        Of the random directions, which do not depend on batch size or device.
    about, progress
        As for :func:`resprobe.lesion`; progress is counted in products with a Jacobian.

    Returns
    -------
    Geometry
        ``blocks``: Result "geometry" with ``network, block, name, stage, kind, n``, means over
        images, each with its standard error ``*_se``: ``sigma_1`` (largest singular value),
        ``frobenius`` (root of the sum of all squared ones), ``energy_share`` (of that sum, by
        the k largest), ``effective_rank`` (participation ratio of all squared singular values:
        (sum s^2)^2 / sum s^4), ``rank`` (singular values above the tolerance, among k),
        ``beyond_classes`` (sigma_{C+1} / sigma_1 with C the network's classes; NaN unless k
        > C), ``left_right`` (mean |<u_a, v_a>| weighted by squared singular values; NaN where
        the shape changes). What lies beyond the k values is estimated without bias from
        ``oversampling`` random vectors: with ten, on one image, ``frobenius`` varies by about
        2 % with the seed, ``energy_share`` by 4 % and ``effective_rank`` by 6 %. Further
        ``rank_is_bound`` (in some image all k are above the tolerance: the rank is at least
        that), ``k`` and ``residual`` (largest ||J v - s u|| / sigma_1 over images and triplets:
        no singular value is farther off).
        ``values``: "geometry-values" with ``index`` (from 1), ``value``, ``value_se``.
        ``alignment``: "geometry-alignment", a row for every ordered pair of identity blocks of
        a stage, ``block`` i and ``directions`` j: with M = U_j^T J_i V_j, ``alignment`` (sum of
        the squared diagonal over that of J_i's k largest singular values), ``diagonal`` (over
        all squares in M; ``diagonal_chance`` 1/k for random directions) and ``captured`` (all
        squares in M over J_i's), in [0, 1], with ``*_se`` over images; ``chance`` is the mean
        alignment with random directions.
        ``matrices``: "geometry-matrices", by stage the mean of |M| / sigma_1(J_i) over images
        and pairs of different blocks, by ``row`` and ``column``.
        ``stream``: "geometry-stream", a row for every identity block: ``cosine`` of its step
        h_{i+1} - h_i with the stage's h_L - h_0, and ``length`` of the step over the stage's
        mean, with ``*_se``; ``chance`` 1/sqrt(L) is the cosine of steps at right angles. States
        are the inputs of the stage's identity blocks and the last one's output. NaN for one
        block alone.
        ``meta["networks"][0]["stages"]`` sums up every stage: ``variation`` of the lengths,
        ``straightness``, ``first_axis``, and means over steps and pairs of different blocks.

    Raises
    ------
    InputError
        If images and network do not fit.
    UsageError
        If a number is out of range.
    ResprobeError
        If a state or a Jacobian is not finite, or a custom layer's derivatives contradict each
        other.

    References
    ----------
    J. Li, V. Papyan, "Residual Alignment: Uncovering the Mechanisms of Residual Networks",
    NeurIPS 2023. N. Halko, P. Martinsson, J. Tropp, SIAM Review 53, 217 (2011).

    Examples
    --------
    >>> from resprobe import Architecture, Batches, load_data, unravel
    >>> images = load_data("embedded").subset(2)
    >>> data = Batches(images, images.normalisation)
    >>> model = Architecture("resnet8", in_channels=1, width=2).build()
    >>> found = geometry(unravel(model, data.example()), data, k=2, oversampling=2, iterations=1)
    >>> found.blocks.frame["name"].tolist(), len(found.values.frame)
    (['layer1.0', 'layer2.0', 'layer3.0'], 6)
    """
    check_fit(chain, data, labels=False)
    setting = Setting(
        k=k, oversampling=oversampling, iterations=iterations, tolerance=tolerance, seed=seed
    )
    sums = measured(chain, data, setting, progress)
    about = {**(about or {}), "stages": stage_facts(sums)}
    meta = {
        "settings": {
            "k": k, "oversampling": oversampling, "iterations": iterations, "tolerance": tolerance,
        },
        **provenance(chain, data, network=network, seed=seed, about=about),
    }  # fmt: skip
    n = data.n
    return Geometry(
        Result("geometry", block_frame(chain, sums, network=network, n=n), meta),
        Result("geometry-values", value_frame(chain, sums, network=network, n=n), meta),
        Result("geometry-alignment", alignment_frame(sums, network=network, n=n), meta),
        Result("geometry-matrices", matrix_frame(sums, network=network, n=n), meta),
        Result("geometry-stream", stream_frame(chain, sums, network=network, n=n), meta),
    )
