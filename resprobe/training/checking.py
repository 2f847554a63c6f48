"""A state that was read from a file must be one that the run could have written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from resprobe.training.log import EpochRow
from resprobe.training.loop import Loop
from resprobe.training.optimisers import MOMENTA
from resprobe.training.recipe import Optimiser
from resprobe.training.recipe.schedule import WINDOW

__all__ = ["checked_rows", "check_state"]


def check_state(state: Mapping[str, Any], loop: Loop) -> None:
    """Raise ValueError unless ``state`` can be restored into a loop of this run."""
    epoch, batch, iteration = (_whole(state, name) for name in ("epoch", "batch", "iteration"))
    before = min((epoch - 1) * loop.batches_per_epoch, loop.iterations)
    if not 1 <= epoch <= loop.epochs + 1 or batch > loop.batches_per_epoch:
        raise ValueError(f"batch {batch} of epoch {epoch}")
    if iteration != before + batch or iteration > loop.iterations:
        raise ValueError(f"iteration {iteration} in batch {batch} of epoch {epoch}")
    _check_tally(state["tally"], min(batch * loop.recipe.batch_size, len(loop.feed)))
    _check_warm_up(state["warm_up"])
    if not isinstance(state["learning_rate"], float):
        raise ValueError("a learning rate that is no number")
    _check_momenta(state["optimiser"]["state"], list(loop.model.parameters()), loop)


def _whole(values: Mapping[str, Any], name: str) -> int:
    value = values[name]
    if type(value) is not int or value < 0:
        raise ValueError(f"{name} = {value!r}")
    return value


def _check_tally(tally: Mapping[str, Any], images: int) -> None:
    wrong, n = _whole(tally, "wrong"), _whole(tally, "n")
    if wrong > n or n != images or not _finite(tally["loss_sum"]):
        raise ValueError(f"figures of {n} images in the midst of an epoch that has seen {images}")


def _check_warm_up(warm_up: Mapping[str, Any]) -> None:
    seen = warm_up["seen"]
    pairs = all(len(pair) == 2 and all(type(value) is int for value in pair) for pair in seen)
    left = warm_up["left"] is None or type(warm_up["left"]) is int
    if type(warm_up["active"]) is not bool or not left or not pairs or len(seen) > WINDOW:
        raise ValueError("a warm-up that is none")


def _check_momenta(
    momenta: Mapping[int, Mapping[str, Any]], weights: list[Tensor], loop: Loop
) -> None:
    kind = loop.recipe.optimiser
    for place, kept in momenta.items():
        for name in MOMENTA[kind]:
            momentum = kept.get(name)
            if momentum is None and kind is Optimiser.SGD:  # without momentum it keeps none
                continue
            if not isinstance(momentum, Tensor) or momentum.shape != weights[place].shape:
                raise ValueError(f"a momentum that does not fit weight {place}")
            if not torch.isfinite(momentum).all():
                raise ValueError(f"the momentum of weight {place} is not finite")
        if kind is Optimiser.ADAM and not _is_count(kept.get("step")):
            raise ValueError(f"no number of steps of weight {place}")


def _is_count(step: object) -> bool:
    return isinstance(step, Tensor) and step.numel() == 1 and bool(0 < step < math.inf)


def checked_rows(rows: list[dict[str, Any]], loop: Loop) -> list[EpochRow]:
    """Return the rows of the epochs before the one under way; ValueError for any others."""
    if [row["epoch"] for row in rows] != list(range(1, loop.epoch)):
        raise ValueError(f"rows of {len(rows)} epochs in epoch {loop.epoch}")
    kinds = {field.name: field.type for field in fields(EpochRow)}
    for row in rows:
        for name, kind in kinds.items():
            if type(row[name]).__name__ != kind:
                raise ValueError(f"{name} = {row[name]!r} in the row of epoch {row['epoch']}")
    return [EpochRow(**row) for row in rows]


def _finite(value: object) -> bool:
    return isinstance(value, float) and math.isfinite(value)
