"""Read-outs: what the network would answer after each block, and how its answer forms.

Conventions
-----------
After block k the *head* is the network's own, put behind the links that follow the block: the
later blocks are left out. A *probe* is a linear classifier of the block's output, averaged over
positions, fitted on other images. Eval mode; BatchNorm uses its running statistics.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import pandas as pd

from resprobe.chain import Chain, left_as_found
from resprobe.datasets import Batches
from resprobe.errors import InputError, UsageError
from resprobe.probes.portions import Portions
from resprobe.probes.readouts.estimation import stage_ends
from resprobe.probes.readouts.exits import exits_of
from resprobe.probes.readouts.features import features_of
from resprobe.probes.readouts.looking import features, look
from resprobe.probes.readouts.ridge import LinearProbe, RidgeSums
from resprobe.probes.readouts.tally import Tally
from resprobe.probes.study import check_fit, provenance
from resprobe.results import Result

__all__ = ["GAP", "LAST", "PENALTY", "STABLE", "Readout", "check_readout", "readout"]

PENALTY = 1e-3
STABLE = 2
GAP = 0.1
LAST = 5

Progress = Callable[[int, int], None]


class Readout(NamedTuple):
    """The three tables of :func:`readout`: per block, per deciding block, per group of images."""

    blocks: Result
    decisions: Result
    borderline: Result


def readout(
    chain: Chain,
    data: Batches,
    *,
    network: str = "network",
    fit: Batches | None = None,
    penalty: float = PENALTY,
    stable: int = STABLE,
    seed: int = 0,
    about: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> Readout:
    """Read the network's answer after every block, and see how it forms.

    One forward and backward pass over the images, and one forward pass over those that probes
    are fitted on. Memory holds one batch and, of every block, ``channels * (channels +
    classes)`` sums: it does not grow with the number of images. Where it runs out, fewer
    images go through at a time. The model is left as it was found.

    Parameters
    ----------
    chain : Chain
        From :func:`resprobe.unravel`.
    data : Batches
        Images with labels, normalised as the network wants them.
    network : str
        Its name in the tables.
    fit : Batches, optional
        Other images with labels, usually training images, that the probes are fitted on;
        without them there are no probes, and their columns are NaN.
    penalty : float
        Of the probes' ridge regression, on features of mean 0 and standard deviation 1: they
        minimise ``mean |y - z W - b|^2 + penalty |W|^2`` over one-hot targets y.
    stable : int
        Blocks that must repeat a probe's prediction for the method "probe-stable".
    seed, about, progress
        As for :func:`resprobe.lesion`; nothing is drawn.

    Returns
    -------
    Readout
        ``blocks``: Result "readout", one row per block, with ``network, block, name, stage,
        kind, n``; ``head_accuracy``, ``head_agreement`` (share of images with the network's own
        prediction), each with its Wilson interval ``_low, _high``, and ``head_loss`` (cross
        entropy, nats per image) with ``_se``: NaN before the last stage; ``probe_accuracy`` and
        ``probe_agreement``, likewise, and ``probe_n``, the images fitted on; ``cosine`` of F(x)
        and dL/dx at the block's input x, mean over the ``cosine_n`` images whose two vectors
        are longer than 1e-8, with ``_se``: negative where the branch goes down the loss, NaN
        for plain blocks and blocks that change the shape; ``error_mean, error_std`` (each with
        ``_se``, images as the sample) of ``x_k - x_K``, block output less stage output, over
        images, positions and channels, in units of activation, ``stage_std`` of x_K, and both
        over it, ``error_mean_relative, error_std_relative``.
        ``decisions``: Result "readout-decisions", one row per ``method`` and ``block``:
        "probe", the first block from which on the probe's prediction stays the network's;
        "probe-stable", the first one whose prediction the next ``stable`` blocks repeat;
        "head", as "probe", by the network's own head from the last stage on. ``n, images,
        share, cumulative``; images that no block decides stand in the row of "head", whose
        ``block`` is the number of blocks. ``depth`` is the mean number of blocks needed (all,
        where no block decides) with its interval, ``depth_fraction`` the same over the number
        of blocks; both are the same in all rows of a method.
        ``borderline``: Result "readout-borderline", accuracy (Wilson) after each block of the
        last stage of the images whose two most probable classes are less than 0.1 apart
        ("borderline") and of all others ("confident"), ``judged`` "before" the last five
        blocks or "after" them: ``n, correct, accuracy, accuracy_low, accuracy_high``.

    Raises
    ------
    InputError
        If images and network do not fit, or probes are fitted on the images that are read.
    UsageError
        If the penalty is not above 0 or ``stable`` is less than 1.
    ResprobeError
        If an output or a gradient is not finite.

    References
    ----------
    S. Jastrzebski et al., "Residual connections encourage iterative inference", ICLR 2018,
    Figs. 4 to 6; K. Greff et al., "Highway and residual networks learn unrolled iterative
    estimation", ICLR 2017, Fig. 3; G. Alain, Y. Bengio, "Understanding intermediate layers using
    linear classifier probes", 2016.

    Examples
    --------
    >>> from resprobe import Architecture, Batches, load_data, unravel
    >>> images = load_data("embedded").subset(20)
    >>> data = Batches(images, images.normalisation)
    >>> chain = unravel(Architecture("resnet8", in_channels=1, width=2).build(), data.example())
    >>> readout(chain, data).blocks.frame["head_agreement"].tolist()
    [nan, nan, 1.0]
    """
    check_readout(chain, data, fit, penalty=penalty, stable=stable)
    exits, ends = exits_of(chain), stage_ends(chain)
    tally = Tally(chain, exits, ends, stable=stable, gap=GAP, last=LAST, probes=fit is not None)
    steps = len(data) + (len(fit) if fit else 0)
    portions = Portions()
    with left_as_found(chain, training=False, requires_grad=False):
        probes = None
        if fit is not None:
            probes = _fitted(chain, fit, penalty, portions, _counted(progress, 0, steps))
        report = _counted(progress, steps - len(data), steps)
        for done, (x, y) in enumerate(data, start=1):
            for looked in portions.of(
                len(x),
                lambda some, x=x, y=y: look(  # type: ignore[misc]
                    chain, x[some], y[some], exits=exits, ends=ends, probes=probes
                ),
            ):
                tally.add(looked)
            report(done)
    fitted_on = {"probes_fitted_on": fit.describe()} if fit else {}
    meta = {
        "settings": {"gap": GAP, "last": LAST, "stable": stable, "penalty": penalty},
        **provenance(chain, data, network=network, seed=seed, about={**(about or {}), **fitted_on}),
    }
    fitted = fit.n if fit else 0
    return Readout(
        Result("readout", tally.blocks(network, n=data.n, fitted=fitted), meta),
        Result("readout-decisions", _named(tally.decisions.rows(), network), meta),
        Result("readout-borderline", _named(tally.borderline_rows(), network), meta),
    )


def check_readout(
    chain: Chain, data: Batches, fit: Batches | None, *, penalty: float, stable: int
) -> None:
    """Raise as :func:`readout` does before any work."""
    check_fit(chain, data)
    if not 0 < penalty < math.inf:
        raise UsageError(f"the probes' penalty is a number above 0; got {penalty}")
    if stable < 1:
        raise UsageError(f"a stable prediction is repeated by 1 block or more; got {stable}")
    if fit is None:
        return
    check_fit(chain, fit)
    one, other = fit.data, data.data
    same_split = bool(one.spec) and (one.spec, one.split) == (other.spec, other.split)
    if one is other or (same_split and one.digest == other.digest):
        raise InputError(
            f"the probes would be fitted on the images that are read ({other.name}, "
            f"{other.split}); fit them on others, such as the training images"
        )


def _fitted(
    chain: Chain,
    fit: Batches,
    penalty: float,
    portions: Portions,
    report: Callable[[int], None],
) -> list[LinearProbe]:
    sums = [RidgeSums(features_of(b.out_shape), chain.classes) for b in chain.blocks]
    for done, (x, y) in enumerate(fit, start=1):
        start, labels = 0, y.cpu()
        for found in portions.of(len(x), lambda some, x=x: features(chain, x[some])):  # type: ignore[misc]
            end = start + len(found[0])
            for one, block in zip(sums, found, strict=True):
                one.add(block, labels[start:end])
            start = end
        report(done)
    return [one.solved(penalty) for one in sums]


def _counted(progress: Progress | None, before: int, steps: int) -> Callable[[int], None]:
    def report(done: int) -> None:
        if progress:
            progress(before + done, steps)

    return report


def _named(rows: list[dict[str, Any]], network: str) -> pd.DataFrame:
    return pd.DataFrame([{"network": network, **row} for row in rows])
