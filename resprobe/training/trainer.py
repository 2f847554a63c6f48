"""Train a network by a recipe, and keep what came of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from resprobe.datasets import Batches, ImageSet, Normalisation
from resprobe.errors import InputError, UsageError
from resprobe.networks import Architecture
from resprobe.results import Result
from resprobe.training.log import EpochRow, Places, as_frame, write_log
from resprobe.training.loop import Loop, Progress
from resprobe.training.recipe import Recipe
from resprobe.training.run import SPLIT_SEED, Run

__all__ = ["train"]


def train(
    architecture: Architecture,
    data: ImageSet,
    *,
    recipe: Recipe,
    out: str | Path,
    epochs: int | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
    test: ImageSet | None = None,
    normalisation: Normalisation | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Result:
    """Train a network from its initialisation, and keep the best and the last of it.

    A share of the images (``recipe.validation_fraction``) is held out first and only ever
    evaluated, after each epoch. ``out`` gets the network with the lowest validation error
    (the earliest of equals), ``NAME-last`` beside it that of the last epoch, ``NAME.csv`` one
    row per epoch; all three are whole at any time, so an interrupted run leaves its last
    completed epoch. Where nothing is held out, ``out`` is the last. The checkpoint's recipe also
    says the ``seed`` and the number of ``images`` given, those held out included.

    Parameters
    ----------
    architecture : Architecture
        Initialised from ``seed``.
    data : ImageSet
        The training split.
    recipe : Recipe
        How to train.
    out : str or Path
        File of the checkpoint; what stood there is replaced after the first epoch.
    epochs : int, optional
        Length of the run instead of ``recipe.iterations``; the schedule is scaled to it.
    seed : int
        Of initialisation, order and augmentation; at least 0. On the CPU, with as many
        threads, the same seed gives the same weights bit for bit.
    device : torch.device or str
        Where to train; the images move there whole.
    test : ImageSet, optional
        Evaluated once, at the end, with the weights in ``out``; the figures go into the
        checkpoint and the result's ``meta``.
    normalisation : Normalisation, optional
        Else the data set's own, else the one measured on the images trained on.
    progress : callable, optional
        Called after every iteration.

    Returns
    -------
    Result
        "train": one row per epoch with the columns of
        :class:`resprobe.training.log.EpochRow`.

    Raises
    ------
    UsageError
        If the recipe, the seed or ``out`` cannot be meant.
    InputError
        If the data do not fit the network, or the test images the training images.
    ResprobeError
        If ``out`` cannot be written, or the training diverges.

    References
    ----------
    He et al. 2015, section 4.2.

    Examples
    --------
    >>> import tempfile
    >>> images = (torch.arange(40 * 64) % 251).reshape(40, 1, 8, 8).to(torch.uint8)
    >>> data = ImageSet(images, torch.arange(40) % 2, ("even", "odd"), "numbers", "train")
    >>> network = Architecture("resnet8", num_classes=2, in_channels=1, width=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     result = train(network, data, recipe=Recipe(), epochs=2, out=f"{folder}/net.pt")
    >>> result.frame[["network", "epoch", "iteration", "train_n", "validation_n"]].values.tolist()
    [['resnet8:width=2', 1, 1, 36, 4], ['resnet8:width=2', 2, 2, 36, 4]]
    """
    _check_fit(architecture, data, test)  # before the folder of ``out`` is made
    places = Places.beside(out)
    loop, validation = prepared(
        architecture,
        data,
        recipe=recipe,
        epochs=epochs,
        seed=seed,
        device=device,
        normalisation=normalisation,
    )
    run = Run(architecture=architecture, loop=loop, validation=validation)
    rows, best = _all_epochs(run, places, progress)
    figures = {} if test is None else run.test(places.best, best, test)
    return Result("train", as_frame(rows), run.meta(places, best, figures))


def prepared(
    architecture: Architecture,
    data: ImageSet,
    *,
    recipe: Recipe,
    epochs: int | None,
    seed: int,
    device: torch.device | str,
    normalisation: Normalisation | None,
) -> tuple[Loop, Batches | None]:
    """Return a run that has not begun, and the images held out; writes nothing."""
    _check_fit(architecture, data, None)
    if seed < 0:
        raise UsageError(f"the seed must be at least 0; got {seed}")
    learnt, held_out = _divided(data, recipe)
    if epochs is not None:
        recipe = recipe.for_epochs(epochs, images=len(learnt))
    normalisation = normalisation or data.normalisation or Normalisation.measured(learnt.images)
    normalisation.check(data.channels)
    loop = Loop(
        architecture.build(seed=seed, device=device),
        learnt.to(device),
        normalisation=normalisation,
        recipe=recipe,
        seed=seed,
        depth=architecture.depth,
    )
    return loop, None if held_out is None else Batches(held_out.to(device), normalisation)


def _all_epochs(
    run: Run, places: Places, progress: Callable[[Progress], None] | None
) -> tuple[list[EpochRow], EpochRow]:
    """Train to the end, writing files after each epoch; return all epochs and the one kept."""
    rows: list[EpochRow] = []
    best: EpochRow | None = None
    for epoch in range(1, run.loop.epochs + 1):
        row = run.epoch(epoch, progress)
        rows.append(row)
        if best is None or run.validation is None or row.validation_error < best.validation_error:
            best = row
            run.save(places.best, row)
        if run.validation is not None:
            run.save(places.last, row)
        write_log(places.log, rows)
    assert best is not None, "a recipe has at least one iteration, so a run has an epoch"
    return rows, best


def _divided(data: ImageSet, recipe: Recipe) -> tuple[ImageSet, ImageSet | None]:
    held_out: ImageSet | None = None
    if recipe.validation_fraction > 0 and len(data) > 1:
        data, held_out = data.holdout(recipe.validation_fraction, seed=SPLIT_SEED)
    if recipe.batches_per_epoch(len(data)) < 1:
        raise InputError(
            f"{data.name}: {len(data)} image to train on once the validation split is held out; "
            "training needs at least 2"
        )
    return data, held_out


def _check_fit(architecture: Architecture, data: ImageSet, test: ImageSet | None) -> None:
    if architecture.num_classes != len(data.classes):
        raise InputError(
            f"{data.name} has {len(data.classes)} classes and {architecture.name} "
            f"{architecture.num_classes} outputs; build the network for these classes"
        )
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
