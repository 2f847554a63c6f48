"""Whose statistics BatchNorm uses in a study, and which batches those can be taken from."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from resprobe.chain import Chain, has_batch_norm
from resprobe.datasets import Batches
from resprobe.errors import InputError

__all__ = ["Statistics", "batches_for"]

Statistics = Literal["running", "batch"]
"""Whose statistics BatchNorm uses: those stored in training, or those of the images shown."""


def batches_for(chain: Chain, data: Batches, statistics: Statistics) -> Batches:
    """Return the images in batches that BatchNorm can take the wanted statistics from.

    One image has no statistics of a batch: where it would be the last one by itself, it joins
    the batch before it.

    Raises
    ------
    InputError
        If every batch is one image, and BatchNorm is to use its statistics.
    """
    if statistics != "batch" or not has_batch_norm(chain):
        return data
    joined = replace(data, smallest=2)
    if min(joined.sizes) > 1:
        return joined
    more = "a larger batch size (--batch-size)" if data.n > 1 else "more images (--images)"
    raise InputError(
        "BatchNorm with the batch's statistics wants at least 2 images in a batch; got "
        f"{data.n} image(s) in batches of {data.batch_size}, so give it {more}"
    )
