"""Similarity: how much alike two layers represent the same images, by minibatch CKA.

Conventions
-----------
CKA is linear, on all elements of a layer's output (no pooling), from the unbiased HSIC of
batches, averaged over them. 1 means equal up to rotation, shift and scale; independent features
have 0, of which estimates lie on either side. Eval mode.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pandas as pd
import torch

from resprobe.chain import Chain, left_as_found
from resprobe.datasets import Batches
from resprobe.devices import is_out_of_memory
from resprobe.errors import ResprobeError
from resprobe.probes.similarities.cka import HsicSums
from resprobe.probes.similarities.compared import Compared, checked, shuffled
from resprobe.probes.similarities.layers import Layer, grams
from resprobe.probes.similarities.summary import summary_rows
from resprobe.probes.similarities.tables import pair_table
from resprobe.probes.study import provenance
from resprobe.results import Result, combined

__all__ = ["Similarity", "similarity"]


class Similarity(NamedTuple):
    """The two tables of :func:`similarity`: per pair of layers, and what they say on average."""

    layers: Result
    summary: Result


def similarity(
    chain: Chain,
    data: Batches,
    *,
    network: str = "network",
    others: Sequence[Compared] = (),
    interiors: bool = False,
    seed: int = 0,
    about: dict[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Similarity:
    """Compare the outputs of all blocks with each other, within a network and between networks.

    One forward pass of each network. Memory holds, of one batch of n images, n (n - 1) / 2
    numbers for every layer and one block's values, and 20 numbers for every pair of layers: it
    does not grow with the number of images. Models are left as they were found.

    Parameters
    ----------
    chain : Chain
        From :func:`resprobe.unravel`.
    data : Batches
        Images, normalised as the network wants them; labels are not needed. The batch size is
        that of the estimator, 4 or more; a last batch that is smaller joins the one before it.
    network : str
        Its name in the tables.
    others : sequence of Compared
        Further networks, of any kind and width, shown the same images in the same batches.
    interiors : bool
        Compare layers inside the branches too: the response (after its norm, before the
        non-linearity) of each, but for what is F(x) itself and the last layer of a plain block.
    seed : int
        Of the random order in which the images come into batches: each must be a sample of all
        of them, and data sets may be sorted by class.
    about, progress
        As for :func:`resprobe.lesion`.

    Returns
    -------
    Similarity
        ``layers``: Result "similarity", one row per ordered pair of layers of a network, and per
        pair of two networks' layers: ``network, layer`` (from 0, in the order they run)``,
        name, block, stage, place`` ("output" | "interior") and the same with ``other_``; ``cka,
        cka_se, n`` (images)``, batches``. CKA is in about [0, 1]; unbiased estimates may be
        negative, and are kept so. It is NaN where a layer does not tell images apart.
        ``summary``: Result "similarity-summary": ``network, other_network, measure, places,
        stages, value, low, high, n``. ``measure`` is "mean" (of the CKA of n pairs of different
        layers; places "output, output", "interior, interior" or "output, interior"; stages "all",
        "same" or "different"), "difference" of two such means, or, of two networks whose layers
        have the same names, "identified": the share of the n layers of ``network`` whose most
        similar layer in ``other_network`` is the corresponding one, with its Wilson interval.
        Standard errors and the other intervals are jackknifed over up to 20 groups of batches,
        with Student's t; NaN of one batch.

    Raises
    ------
    InputError
        If images and network do not fit, networks are shown different images, or there are
        fewer than 4.
    UsageError
        If batches are smaller than 4, or two networks have one name.
    ResprobeError
        If a value is not finite, or memory does not suffice for a batch.

    References
    ----------
    Kornblith et al. 2019, "Similarity of neural network representations revisited"; Nguyen,
    Raghu, Kornblith 2021, "Do wide and deep networks learn the same things?", section 2.

    Examples
    --------
    >>> from resprobe import Architecture, Batches, load_data, unravel
    >>> images = load_data("embedded").subset(20)
    >>> data = Batches(images, images.normalisation, batch_size=10)
    >>> chain = unravel(Architecture("resnet8", in_channels=1, width=2).build(), data.example())
    >>> table = similarity(chain, data).layers.frame
    >>> len(table), table["cka"].round(6)[0]
    (9, np.float64(1.0))
    """
    first = Compared(chain=chain, data=data, network=network, about=about)
    found = shuffled(checked([first, *others]), seed)
    with contextlib.ExitStack() as stack:
        for one in found:
            stack.enter_context(left_as_found(one.chain, training=False))
        layers, sums = _summed(found, interiors=interiors, progress=progress)
    described = [
        Result(
            "",
            pd.DataFrame(),
            provenance(one.chain, one.data, network=one.network, seed=seed, about=one.about),
        )
        for one in found
    ]
    batches = {"n": found[0].data.n, "batches": len(found[0].data)}
    meta = {"settings": {"interiors": interiors, **batches}, **combined(described).meta}
    networks, start = [], 0
    for one, named in zip(found, layers, strict=True):
        networks.append((one.network, named, slice(start, start + len(named))))
        start += len(named)
    frame = pair_table(sums.estimate(lambda cka: cka), networks).assign(**batches)
    summary = pd.DataFrame(list(summary_rows(sums, networks)), columns=_SUMMARY)
    return Similarity(
        Result("similarity", frame, meta), Result("similarity-summary", summary, meta)
    )


_SUMMARY = [
    "network", "other_network", "measure", "places", "stages", "value", "low", "high", "n",
]  # fmt: skip


def _summed(
    found: Sequence[Compared], *, interiors: bool, progress: Callable[[int, int], None] | None
) -> tuple[list[tuple[Layer, ...]], HsicSums]:
    layers: list[tuple[Layer, ...]] = []
    sums: HsicSums | None = None
    total = len(found[0].data)
    streams = [iter(one.data) for one in found]
    for done in range(1, total + 1):
        parts = []
        for number, (one, stream) in enumerate(zip(found, streams, strict=True)):
            named, rows = _grams_of(one, next(stream)[0], interiors=interiors)
            parts.append(rows.cpu())
            if number == len(layers):
                layers.append(named)
        whole = torch.cat(parts)
        if sums is None:
            sums = HsicSums(len(whole), total)
        sums.add((whole @ whole.T).numpy())
        if progress:
            progress(done, total)
    assert sums is not None
    return layers, sums


def _grams_of(
    one: Compared, x: torch.Tensor, *, interiors: bool
) -> tuple[tuple[Layer, ...], torch.Tensor]:
    try:
        return grams(one.chain, x, interiors=interiors)
    except (RuntimeError, MemoryError) as error:
        if isinstance(error, ResprobeError) or not is_out_of_memory(error):
            raise
        raise ResprobeError(
            f"memory does not suffice for {len(x)} images at a time; take smaller batches "
            "(--batch-size), which the estimator allows"
        ) from error
