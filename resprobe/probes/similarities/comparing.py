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
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch

from resprobe.chain import Chain, left_as_found
from resprobe.datasets import Batches, Images
from resprobe.devices import is_out_of_memory
from resprobe.errors import InputError, ResprobeError, UsageError
from resprobe.probes.similarities.cka import Estimate, HsicSums
from resprobe.probes.similarities.gram import SMALLEST
from resprobe.probes.similarities.layers import Layer, grams
from resprobe.probes.similarities.summary import summary_rows
from resprobe.probes.study import check_fit, provenance
from resprobe.results import Result, combined

__all__ = ["Compared", "Similarity", "batches_for", "similarity"]


class Similarity(NamedTuple):
    """The two tables of :func:`similarity`: per pair of layers, and what they say on average."""

    layers: Result
    summary: Result


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Another network to compare with.

    Attributes
    ----------
    chain, data
        It, and the same images, normalised as it wants them.
    network : str
        Its name in the tables.
    about : dict, optional
        What else the result should say about it.
    """

    chain: Chain
    data: Batches
    network: str
    about: dict[str, Any] | None = None


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
        non-linearity) of each but the last, whose response is F(x).
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
    S. Kornblith et al., "Similarity of neural network representations revisited", ICML 2019;
    T. Nguyen, M. Raghu, S. Kornblith, "Do wide and deep networks learn the same things?", ICLR
    2021, section 2.

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
    found = _shuffled(_checked([first, *others]), seed)
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
    frame = _frame(sums.estimate(lambda cka: cka), networks).assign(**batches)
    summary = pd.DataFrame(list(summary_rows(sums, networks)), columns=_SUMMARY)
    return Similarity(
        Result("similarity", frame, meta), Result("similarity-summary", summary, meta)
    )


_SUMMARY = [
    "network", "other_network", "measure", "places", "stages", "value", "low", "high", "n",
]  # fmt: skip


def batches_for(data: Batches) -> Batches:
    """Return the images in batches that are all as large as asked for, or larger.

    Raises
    ------
    ResprobeError
        If a batch has fewer than 4 images.
    """
    if data.batch_size < SMALLEST:
        raise UsageError(
            f"unbiased similarity wants {SMALLEST} images or more in a batch; got a batch size of "
            f"{data.batch_size} (--batch-size)"
        )
    if data.n < SMALLEST:
        raise InputError(
            f"unbiased similarity wants {SMALLEST} images or more; got {data.n} (--images)"
        )
    return replace(data, smallest=data.batch_size)


def _checked(found: list[Compared]) -> list[Compared]:
    names = [one.network for one in found]
    if len(set(names)) < len(names):
        raise UsageError(f"networks that are compared want a name each; got {', '.join(names)}")
    first = found[0].data
    for one in found:
        check_fit(one.chain, one.data, labels=False)
        if not _same_images(one.data, first):
            raise InputError(
                f"{one.network} is shown other images than {found[0].network} "
                f"({one.data.data.name}, {one.data.data.split}, {one.data.n}, against "
                f"{first.data.name}, {first.data.split}, {first.n}); compare networks on the "
                "same ones"
            )
    size = first.batch_size
    return [replace(one, data=batches_for(replace(one.data, batch_size=size))) for one in found]


def _shuffled(found: Sequence[Compared], seed: int) -> list[Compared]:
    """Put the images of all networks into one random order.

    A batch must be a sample of all images; folders are read class after class.
    """
    order = torch.from_numpy(np.random.default_rng(seed).permutation(found[0].data.n))
    taken: dict[int, Images] = {}
    for one in found:
        images = one.data.data
        if id(images) not in taken:
            taken[id(images)] = images.take(order.to(images.device))
    return [replace(c, data=replace(c.data, data=taken[id(c.data.data)])) for c in found]


def _same_images(one: Batches, other: Batches) -> bool:
    if one.data is other.data:
        return True
    if one.n != other.n or not torch.equal(one.data.labels.cpu(), other.data.labels.cpu()):
        return False
    if one.data.spec and other.data.spec:
        return (one.data.spec, one.data.split) == (other.data.spec, other.data.split)
    return one.data.digest == other.data.digest


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


def _frame(found: Estimate, networks: list[tuple[str, tuple[Layer, ...], slice]]) -> pd.DataFrame:
    """Return one row for each pair of layers, network by network."""
    parts = []
    for first, (network, layers, here) in enumerate(networks):
        for other_network, others, there in networks[first:]:
            one = _labels(network, layers, np.repeat(np.arange(len(layers)), len(others)))
            other = _labels(other_network, others, np.tile(np.arange(len(others)), len(layers)))
            parts.append(
                pd.DataFrame(
                    {
                        **one,
                        **{f"other_{name}": values for name, values in other.items()},
                        "cka": found.value[here, there].ravel(),
                        "cka_se": found.se[here, there].ravel(),
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def _labels(network: str, layers: Sequence[Layer], which: np.ndarray) -> dict[str, Any]:
    return {
        "network": network,
        "layer": which,
        **{
            field: np.array([getattr(layer, field) for layer in layers])[which].tolist()
            for field in ("name", "block", "stage", "place")
        },
    }
