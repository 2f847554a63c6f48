"""Which images of a split go where: evenly spaced subsets, and images held out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor

from resprobe.datasets.labels import check_labels
from resprobe.datasets.protocol import Images
from resprobe.errors import InputError, UsageError

if TYPE_CHECKING:
    from resprobe.datasets.file_set import FileSet
    from resprobe.datasets.images import ImageSet

__all__ = ["divided", "evenly_spaced"]

D = TypeVar("D", "ImageSet", "FileSet")


def evenly_spaced(data: Images, n: int) -> Tensor:
    """Return ``n`` indices evenly spaced over the split: ``floor(i * len / n)``.

    Raises
    ------
    UsageError
        If ``n`` is less than 1 or more than there are.
    """
    if not 1 <= n <= len(data):
        raise UsageError(
            f"{n} images wanted; the {data.split} split of {data.name} has {len(data)}, "
            "so choose from 1 to that"
        )
    return torch.arange(n) * len(data) // n


def divided(data: D, fraction: float, *, seed: int) -> tuple[D, D]:
    """Return the training and the validation images, each side in the order of the data.

    Raises
    ------
    UsageError
        If the fraction is not between 0 and 1, or there is only one image.
    InputError
        If there are no labels, or a class would have no image on one of the sides.
    """
    check_labels(data, wanted_for="holding out a share of every class")
    if not 0 < fraction < 1 or len(data) < 2:
        raise UsageError(
            f"holding out wants a fraction between 0 and 1 of at least 2 images; "
            f"got {fraction} of {len(data)}"
        )
    held = min(max(int(fraction * len(data) + 0.5), 1), len(data) - 1)
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed))
    validation, train = order[:held].sort().values, order[held:].sort().values
    kept = f"held out of {len(data)}"
    _require_all_classes(data, validation, kept)
    _require_all_classes(data, train, f"left when {held} of {len(data)} are held out")
    sides = ((train, "train"), (validation, "validation"))
    learnt, held_out = (replace(data.take(indices), split=split) for indices, split in sides)
    return learnt, held_out


def _require_all_classes(data: Images, indices: Tensor, side: str) -> None:
    labels = data.labels.cpu()
    there = labels.bincount(minlength=len(data.classes)) > 0
    here = labels[indices].bincount(minlength=len(data.classes)) > 0
    missing = (there & ~here).nonzero().flatten().tolist()
    if missing:
        images = "image" if len(indices) == 1 else "images"
        includes = "includes" if len(indices) == 1 else "include"
        more = f" and of {len(missing) - 1} more" if missing[1:] else ""
        raise InputError(
            f"{data.name}: the {len(indices)} {images} {side} {includes} none of class "
            f"'{data.classes[missing[0]]}'{more}; hold out another share with --validation, or "
            "none with --validation 0"
        )
