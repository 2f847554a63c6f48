"""A run before its first step."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from resprobe.datasets import Batches, Images, Normalisation
from resprobe.datasets.labels import check_labels, check_range
from resprobe.errors import InputError, UsageError
from resprobe.networks import Architecture
from resprobe.training.distributed import World
from resprobe.training.execution import Execution
from resprobe.training.loop import Loop
from resprobe.training.recipe import Recipe
from resprobe.training.setting import SPLIT_SEED, Setting

__all__ = ["Prepared", "check_fit", "prepare", "shown"]


@dataclass(frozen=True, eq=False)
class Prepared:
    """A run that has not begun, and has written nothing.

    Attributes
    ----------
    setting : Setting
        What it computes.
    loop : Loop
        At its first step.
    validation : Batches or None
        The images held out.
    """

    setting: Setting
    loop: Loop
    validation: Batches | None


def prepare(
    architecture: Architecture,
    data: Images,
    *,
    recipe: Recipe,
    epochs: int | None,
    seed: int,
    normalisation: Normalisation | None,
    execution: Execution,
    curve: Images | None = None,
) -> Prepared:
    """Divide the images, settle the recipe's length, build the network; write nothing.

    The arguments and errors are those of :func:`resprobe.training.train`.
    """
    check_fit(architecture, data, None)
    if seed < 0:
        raise UsageError(f"the seed must be at least 0; got {seed}")
    world, device = execution.world, execution.device
    world.check_batch(recipe.batch_size)
    learnt, held_out = _divided(data, recipe, world)
    recipe = recipe.for_run(len(learnt), epochs=epochs, smallest=world.smallest_batch)
    normalisation = normalisation or data.normalisation or _measured(learnt)
    normalisation.check(data.channels)
    setting = Setting(
        architecture=architecture,
        recipe=recipe,
        seed=seed,
        normalisation=normalisation,
        data=data.name,
        digest=data.digest,
        images=len(data),
        processes=world.size,
        curve="" if curve is None else curve.digest,
    )
    loop = Loop(
        architecture.build(seed=seed, device=device),
        learnt.to(device).feed(normalisation, recipe.augmentation, workers=execution.workers),
        recipe=recipe,
        seed=seed,
        depth=architecture.depth,
        execution=execution,
    )
    validation = None if held_out is None else shown(held_out, setting, device)
    return Prepared(setting, loop, validation)


def shown(images: Images, setting: Setting, device: torch.device) -> Batches:
    """Return images to evaluate on, in the size that is learnt from, on the device."""
    there = images.sized(setting.recipe.crop_size).to(device)
    return Batches(there, setting.normalisation)


def _measured(images: Images) -> Normalisation:
    return Normalisation.measured(images.pixels(slice(None)))


def _divided(data: Images, recipe: Recipe, world: World) -> tuple[Images, Images | None]:
    held_out: Images | None = None
    if recipe.validation_fraction > 0 and len(data) > 1:
        data, held_out = data.holdout(recipe.validation_fraction, seed=SPLIT_SEED)
    if recipe.batches_per_epoch(len(data), smallest=world.smallest_batch) < 1:
        raise InputError(
            f"{data.name}: {len(data)} image to train on once the validation split is held out; "
            f"training needs at least {world.smallest_batch}"
        )
    return data, held_out


def check_fit(architecture: Architecture, data: Images, test: Images | None) -> None:
    """Raise InputError unless the network fits the images, and the test images these."""
    check_labels(data, wanted_for="training")
    if architecture.num_classes != len(data.classes):
        raise InputError(
            f"{data.name} has {len(data.classes)} classes and {architecture.name} "
            f"{architecture.num_classes} outputs; build the network for these classes"
        )
    for images in (data, *(() if test is None else (test,))):
        if images.classes:
            check_range(images.labels, architecture.num_classes, name=images.name)
    if architecture.in_channels != data.channels:
        raise InputError(
            f"{data.name} has images of {data.channels} channels and {architecture.name} takes "
            f"{architecture.in_channels}; build the network for these images"
        )
    if test is not None and (test.classes, test.channels) != (data.classes, data.channels):
        raise InputError(
            f"the test images ({test.name}) differ from the training images ({data.name}) in "
            "classes or channels; test on images of the same kind"
        )
