"""Path lengths: how much gradient comes along paths of each length.

Conventions
-----------
Block *l* computes ``x_{l+1} = after(s(x_l) + F(x_l))``. A path chooses branch or shortcut in
every residual block; its *length* is the number of branches. Stem, links, head and the
derivative D of ``after`` at the actual sum are on every path, so the 2^L path gradients add up
to the gradient. The loss is the cross entropy *summed* over images in eval mode, so that every
image's gradient stands alone; norms are L2 norms per image over all elements of the far end
(the images, or the first block's input), averaged over images: nats per unit of a pixel as
the network sees it. They scale with the loss and with the normalisation of the pixels;
``weight``, ``projection`` and the effective range do not.

``transitions="counted"`` treats a transition as any block. ``"apart"`` runs transitions whole,
both routes, and counts identity blocks alone: a transition's shortcut is narrower than an
identity, so that what it passes is no measure of what a shortcut does.

Three methods ask three questions of the paths of one length:

exact
    What do all of them carry *together*? Path gradients cancel, so this is less than the sum of
    their norms. One sweep with a stack of cotangents; no draws, no sampling error.
rms
    How large is a single one, in the root mean square? Random signs make the gradients of
    different paths uncorrelated, so that one sweep sees all paths at once. Unbiased in the mean
    square. Signs are drawn per image, which divides the variance by about the number of images.
sampled
    How large is a single one, in the mean? As in the paper: paths are drawn one by one.

``average <= norm <= rms`` up to sampling error: the norm of the mean, the mean norm, the root
mean squared norm.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from resprobe.chain import Chain, has_batch_norm
from resprobe.datasets import Batches
from resprobe.probes.batch_norm import Statistics
from resprobe.probes.path_lengths.asking import (
    End,
    Methods,
    Question,
    Transitions,
    questions,
)
from resprobe.probes.path_lengths.drawing import draw_paths
from resprobe.probes.path_lengths.effective import (
    check_share,
    summary,
)
from resprobe.probes.path_lengths.measuring import Tick
from resprobe.probes.path_lengths.table import COLUMNS, measured, rows_of
from resprobe.probes.study import provenance
from resprobe.results import Result

__all__ = ["paths"]


def paths(
    chain: Chain,
    data: Batches,
    *,
    method: Methods = "exact",
    transitions: Transitions = "counted",
    draws: int = 10,
    share: float = 0.95,
    lengths: tuple[int, int] | None = None,
    at: End = "images",
    batch_norm: Statistics = "running",
    network: str = "network",
    seed: int = 0,
    about: dict[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Result:
    """Measure the gradient that comes along paths of each length.

    See :mod:`resprobe.probes.path_lengths.study` for what a path is and what the methods ask.
    The forward pass is run once; its activations are kept, as for a backward pass, with a stack
    of one gradient per length. About 1 GiB of them at a time (fewer images go through at once
    where a batch would take more), and half as many where memory runs out.

    Parameters
    ----------
    chain : Chain
        From :func:`resprobe.unravel`, with residual blocks.
    data : Batches
        Images with labels, normalised as the network wants them.
    method : "exact", "rms", "sampled" or "all"
        Which question to ask.
    transitions : "counted", "apart" or "both"
        Whether a transition's branch counts as any block's.
    draws : int
        For "rms" sweeps, for "sampled" paths of each length. At least 2 for standard errors.
    share : float
        Of the weight that the effective range holds, above 0 and at most 1.
    lengths : (int, int), optional
        A range to report on besides the effective one.
    at : "images" or "block"
        Where gradients are measured: at the images, or at the first block's input.
    batch_norm : "running"
        With a batch's statistics an image's gradient is not its own: "batch" is refused.
    network : str
        Its name in the tables.
    seed : int
        Of the signs and of the paths; what is drawn does not depend on the batch size.
    about, progress
        As for :func:`resprobe.lesion`; progress is counted in pieces of equal work.

    Returns
    -------
    Result
        Named "paths", one row per method, transitions and length, NaN where a method has no
        figure: ``network, method, transitions, length, paths_log2`` (base-2 logarithm of the
        number of paths), ``paths_share`` (of all paths), ``n`` (images), ``draws`` (0 for
        exact), ``seed``; ``together`` (exact: mean over images of ||C[k]||), ``average``
        (``together`` over the number of paths: the norm of the mean path gradient), both with
        ``_se`` over images; ``norm`` (sampled: mean norm of a single path) and ``rms`` (its
        root mean square), with ``_se`` over draws, for these images; ``weight`` (number of
        paths times ``average``, ``rms`` or ``norm``, by method, normalised to sum 1);
        ``projection`` (exact: <C[k], g> / ||g||^2 over all images as one vector, which sums to
        1 and can be negative) with ``_se`` over images; ``effective`` (within the shortest run
        of lengths that holds ``share`` of the weight). ``meta["networks"][0]["paths"]`` sums
        up: the effective range, and for exact the mean norm of the whole ``gradient``. The
        weights of rms and sampled add norms, not vectors: an upper bound on what the paths
        could carry, as in the paper. Norms below 1e-300, and an ``rms`` below 1e-150, are 0.

    Raises
    ------
    InputError
        If images and network do not fit, the images have no labels, the network has fewer than
        two blocks to choose in, or batch statistics are asked for.
    UsageError
        If draws, share or lengths are out of range.
    ResprobeError
        If a gradient is not finite, or the path gradients of one image do not add up to its
        gradient to 1e-5.

    References
    ----------
    Veit, Wilber, Belongie 2016, "Residual Networks Behave Like Ensembles of Relatively
    Shallow Networks", section 4.4, figure 6.

    Examples
    --------
    >>> from resprobe import Architecture, Batches, load_data, unravel
    >>> images = load_data("embedded").subset(20)
    >>> data = Batches(images, images.normalisation)
    >>> model = Architecture("resnet8", in_channels=1, width=4).build()
    >>> result = paths(unravel(model, data.example()), data)
    >>> result.frame["length"].tolist(), round(float(result.frame["projection"].sum()), 5)
    ([0, 1, 2, 3], 1.0)
    """
    check_share(share)
    asked, left_out = questions(
        chain,
        data,
        method=method,
        transitions=transitions,
        draws=draws,
        lengths=lengths,
        at=at,
        batch_norm=batch_norm,
    )
    tick = _counter(progress, data.n * sum(_rounds(q, draws, seed) for q in asked))
    frames, summaries = [], []
    for question in asked:
        columns = measured(chain, data, question, draws=draws, seed=seed, tick=tick)
        frame = rows_of(columns, question, share)
        frames.append(frame.assign(draws=0 if question.method == "exact" else draws))
        whole = float(columns["gradient"]) if question.method == "exact" else None
        summaries.append({**summary(frame, share, lengths), "gradient": whole})
    table = pd.concat(frames, ignore_index=True).assign(network=network, n=data.n, seed=seed)
    about = {**(about or {}), "paths": summaries, "left_out": left_out or None}
    meta = {
        "method": method,
        "transitions": transitions,
        "at": at,
        "batch_norm": "running" if has_batch_norm(chain) else None,
        **provenance(chain, data, network=network, seed=seed, about=about),
    }
    return Result("paths", table[COLUMNS], meta)


def _rounds(question: Question, draws: int, seed: int) -> int:
    """Return how often progress is told per image."""
    if question.method == "sampled":
        return len(draw_paths(question.places.blocks, draws, seed).branches)
    return draws if question.method == "rms" else 1


def _counter(progress: Callable[[int, int], None] | None, total: int) -> Tick:
    """Return what counts finished work; a piece that is run again after all is counted once."""
    done = 0

    def tick(images: int) -> None:
        nonlocal done
        done = min(done + images, total)
        if progress:
            progress(done, total)

    return tick
