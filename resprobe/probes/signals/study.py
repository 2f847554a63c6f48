"""Signals at initialisation, over several draws of the weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from resprobe.chain import Chain, has_batch_norm
from resprobe.datasets import Batches
from resprobe.errors import InputError
from resprobe.probes.batch_norm import Statistics, batches_for
from resprobe.probes.signals.measuring import Signals, signals
from resprobe.probes.signals.predicted import is_normalised, laws_of
from resprobe.probes.study import block_labels, check_fit, provenance
from resprobe.results import Result

__all__ = ["FIGURES", "Drawn", "initialisation"]

FIGURES = (
    "second_moment",
    "variance",
    "shortcut_variance",
    "branch_variance",
    "branch_share",
    "gradient_norm",
    "gradient_correlation",
)
Drawn = Chain | Sequence[Chain] | Callable[[int], Chain]


def initialisation(
    chain: Drawn,
    data: Batches,
    *,
    draws: int | None = None,
    network: str = "network",
    batch_norm: Statistics = "batch",
    seed: int = 0,
    about: dict[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Result:
    """Follow variances forward and gradients back through a network as its weights are drawn.

    One forward and one backward pass per batch and draw, in eval mode but for BatchNorm. What is
    kept does not grow with the number of images: some numbers for each channel, and one gradient
    for each block. The models are left as they were found. A trained network is measured as well.

    Parameters
    ----------
    chain : Chain, sequence of Chain, or callable
        A network; several initialisations of one; or what builds the chain of a seed, which is
        called with seed, seed + 1, ..., so that one at a time is in memory.
    data : Batches
        Images as the network wants them; labels are not looked at.
    draws : int, optional
        Initialisations that a callable is asked for; 1 by default.
    network : str
        Its name in the table.
    batch_norm : "batch" or "running"
        Statistics that BatchNorm uses. Gradients take them for constants, so that each image has
        its own. With "batch" the figures depend on ``data.batch_size``, and a last batch of one
        image joins the one before it.
    seed : int
        Of the first draw, and of the random combination of logits whose gradient is taken.
    about, progress
        As for :func:`resprobe.lesion`.

    Returns
    -------
    Result
        Named "initialisation", one row per block: ``network, block, name, stage, kind, n,
        draws, layers`` (weighted ones on the branch), ``normalised`` (whether it has any
        normalisation), and as means over the draws, each with its standard error over them,
        ``*_se`` (NaN of one draw):

        ``second_moment, variance``
            Of the block's input x_l, over images and positions for each channel, then the mean
            over channels.
        ``shortcut_variance, branch_variance, branch_share``
            The same of the two terms of the sum, and Var(F(x)) / Var(s(x)). NaN for plain blocks.
        ``gradient_norm, gradient_correlation``
            Of g = dy/dx_l, y a random unit combination of the logits: root of the mean squared
            L2 norm; mean of <g_a, g_b> over all pairs of images, over the mean of <g, g>.
            NaN where all gradients are 0, as those of a classifier that begins at 0.

        ``branch_max, is_identity``: largest abs(block(x) - after(s(x))) of all draws, and whether
        it is 0: whether the block begins as its shortcut.
        ``shortcut_variance_law, branch_share_law, gradient_norm_law, gradient_correlation_law``:
        what the laws of random networks say (:mod:`resprobe.probes.signals.laws`); the first two
        start from the first block of each stage, the norm's from the last block.

        A variance that leaves float32's range is inf or NaN from that block on.
        ``meta["networks"][0]`` has ``input_correlation`` (of the gradients at the images) and its
        ``_se``.

    Raises
    ------
    InputError
        If images and network do not fit, the draws differ in their blocks, or BatchNorm is to
        use the statistics of batches of one image.
    ChainError
        If ``batch_norm`` is "batch" and the model calls BatchNorm as a function.
    ResprobeError
        If the output does not depend on a block.

    References
    ----------
    De and Smith 2020, "Batch Normalization Biases Residual Blocks Towards the Identity Function
    in Deep Networks", section 2; Balduzzi et al. 2017, "The Shattered Gradients Problem",
    section 3.

    Examples
    --------
    >>> from resprobe import Architecture, Batches, load_data, unravel
    >>> images = load_data("embedded").subset(20)
    >>> data = Batches(images, images.normalisation)
    >>> network = Architecture("resnet8", in_channels=1, width=4, init="skipinit")
    >>> result = initialisation(
    ...     lambda seed: unravel(network.build(seed=seed), data.example()), data, draws=2
    ... )
    >>> result.frame["is_identity"].tolist(), result.frame["branch_share"].tolist()
    ([True, True, True], [0.0, 0.0, 0.0])
    """
    found: list[Signals] = []
    first: Chain | None = None
    count = _count(chain, draws)
    for number, drawn in enumerate(_drawn(chain, count, seed)):
        first = drawn if first is None else first
        check_fit(drawn, data, labels=False)
        _check_same(first, drawn)
        batches = batches_for(drawn, data, batch_norm)
        tick = _counter(progress, before=number * len(batches), total=count * len(batches))
        found.append(signals(drawn, batches, batch_norm=batch_norm, seed=seed, tick=tick))
    assert first is not None
    inputs = np.array([[one.input_correlation] for one in found])
    mean, error = _over_draws(inputs)
    described = {"input_correlation": float(mean[0]), "input_correlation_se": float(error[0])}
    meta = {
        "batch_norm": batch_norm if has_batch_norm(first) else None,
        "draws": count,
        "setting": [f"{count} draws of the weights"] if count > 1 else [],
        **provenance(first, data, network=network, seed=seed, about={**(about or {}), **described}),
    }
    return Result("initialisation", _frame(first, found, network=network, n=data.n), meta)


def _count(chain: Drawn, draws: int | None) -> int:
    if isinstance(chain, Sequence):
        if not chain or draws not in (None, len(chain)):
            raise InputError(f"{draws or 'at least 1'} draws were wanted and {len(chain)} given")
        return len(chain)
    if draws is not None and (draws < 1 or (isinstance(chain, Chain) and draws > 1)):
        raise InputError(
            f"one network is one draw, and a callable can be asked for 1 or more; got {draws}"
        )
    return draws or 1


def _drawn(chain: Drawn, count: int, seed: int) -> Iterator[Chain]:
    if isinstance(chain, Chain):
        yield chain
    elif isinstance(chain, Sequence):
        yield from chain
    else:
        for number in range(count):
            yield chain(seed + number)


def _check_same(first: Chain, other: Chain) -> None:
    shapes = [[(b.name, b.in_shape, b.out_shape) for b in one.blocks] for one in (first, other)]
    if shapes[0] != shapes[1]:
        raise InputError(
            "draws of one network have the same blocks, and these differ in number, name or shape; "
            "measure different networks one by one"
        )


def _counter(
    progress: Callable[[int, int], None] | None, *, before: int, total: int
) -> Callable[[], None]:
    done = before

    def tick() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(done, total)

    return tick


def _over_draws(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean over the first axis and its standard error; NaN of one draw."""
    with np.errstate(invalid="ignore", over="ignore"):
        mean = values.mean(0)
        if len(values) < 2:
            return mean, np.full_like(mean, np.nan)
        return mean, values.std(0, ddof=1) / len(values) ** 0.5


def _frame(chain: Chain, found: Sequence[Signals], *, network: str, n: int) -> pd.DataFrame:
    frame = pd.DataFrame(block_labels(chain, network=network, n=n))
    frame["draws"] = len(found)
    frame["layers"] = found[0].layers
    frame["normalised"] = [is_normalised(block) for block in chain.blocks]
    for figure in FIGURES:
        values = np.array([[block[figure] for block in one.blocks] for one in found])
        frame[figure], frame[f"{figure}_se"] = _over_draws(values)
    largest = np.array([[block["branch_max"] for block in one.blocks] for one in found]).max(0)
    return frame.assign(branch_max=largest, is_identity=largest == 0, **laws_of(chain, frame))
