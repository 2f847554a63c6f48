"""The networks that are compared: checked, in batches that fit, their images in one order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from resprobe.chain import Chain
from resprobe.datasets import Batches, Images
from resprobe.errors import InputError, UsageError
from resprobe.probes.similarities.gram import SMALLEST
from resprobe.probes.study import check_fit

__all__ = ["Compared", "batches_for", "checked", "shuffled"]


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


def checked(found: list[Compared]) -> list[Compared]:
    """Return the networks with batches as large as the first one's.

    Raises
    ------
    ResprobeError
        As :func:`resprobe.similarity`.
    """
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


def shuffled(found: Sequence[Compared], seed: int) -> list[Compared]:
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
