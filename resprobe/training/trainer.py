"""Train a network by a recipe, and keep what came of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import torch

from resprobe.datasets import Batches, Images, Normalisation
from resprobe.devices import is_out_of_memory
from resprobe.errors import UsageError
from resprobe.monitor import Watching
from resprobe.networks import Architecture
from resprobe.results import Result
from resprobe.training.execution import Execution
from resprobe.training.keeper import Keeper
from resprobe.training.memory import out_of_memory
from resprobe.training.pace import Pace
from resprobe.training.places import Places, remove
from resprobe.training.preparation import check_fit, prepare, shown
from resprobe.training.recipe import Recipe
from resprobe.training.run import Run
from resprobe.training.saved import Saved, newest
from resprobe.training.watched import watched

__all__ = ["train"]


def train(
    architecture: Architecture,
    data: Images,
    *,
    recipe: Recipe | str,
    out: str | Path,
    epochs: int | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
    execution: Execution | None = None,
    test: Images | None = None,
    test_curve: bool = False,
    normalisation: Normalisation | None = None,
    resume: bool = False,
    overwrite: bool = False,
    watching: Watching | None = None,
    pace: Pace | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Result:
    """Train a network from its initialisation, and keep the best and the last of it.

    A share of the images (``recipe.validation_fraction``) is held out first and only ever
    evaluated, after each epoch. ``out`` gets the network with the lowest validation error
    (the earliest of equals; where nothing is held out, the last), ``NAME-last`` beside it the
    state after the last epoch, or in the midst of one, ``NAME-previous`` the state before that
    until the run is complete, ``NAME.csv`` and ``NAME.json`` one row per epoch and how they
    came about. All are whole at any time.

    With ``resume`` a run that was interrupted, anywhere and by anything, goes on from its
    newest state that is whole. On the CPU, with as many threads, weights, optimiser and rows
    (but for ``duration_s``) are then those of a run that was never interrupted, bit for bit.

    Parameters
    ----------
    architecture : Architecture
        Initialised from ``seed``.
    data : Images
        The training split: an :class:`resprobe.datasets.ImageSet`, or files on disk.
    recipe : Recipe or str
        How to train; a text is the name of a built-in recipe, or a TOML file.
    out : str or Path
        File of the checkpoint.
    epochs : int, optional
        Length of the run instead of the recipe's; the schedule is scaled to it.
    seed : int
        Of initialisation, order, augmentation and random layers; at least 0. On the CPU, with
        as many threads, the same seed gives the same weights bit for bit.
    device : torch.device or str
        Where to train; images in memory move there whole.
    execution : Execution, optional
        By which processes (then ``device`` is not looked at), in which precision.
    test : Images, optional
        Evaluated once, at the end, with the weights in ``out``; the figures go into the
        checkpoint and the result's ``meta``.
    test_curve : bool
        Evaluate the test images after every epoch too, for the columns ``test_loss`` and
        ``test_error``; nothing in the run depends on them.
    normalisation : Normalisation, optional
        Else the data set's own, else the one measured on the images trained on.
    resume : bool
        Go on with the run at ``out``; where there is none, begin it.
    overwrite : bool
        Replace the run at ``out`` as soon as this one has something to save.
    watching : Watching, optional
        Record every block at the steps it names, in ``NAME-watch.csv``; nothing in the run
        depends on it.
    pace : Pace, optional
        Who is told and asked between the steps, and how often the state is saved.
    say : callable
        Told in a line what is worth knowing: where it goes on, a state that was damaged.

    Returns
    -------
    Result
        "train": one row per epoch with the columns of
        :class:`resprobe.training.log.EpochRow`.

    Raises
    ------
    UsageError
        If the recipe, the seed or ``out`` cannot be meant, if files of a run are at ``out``
        and neither ``resume`` nor ``overwrite`` is given, or if that run is another one.
    InputError
        If the data do not fit the network, or the test images the training images.
    IntegrityError
        If no state of the run to resume can be read.
    Stopped
        If ``pace.stop`` said so; the state is saved.
    ResprobeError
        If ``out`` cannot be written, memory does not suffice (it says for which batch size it
        would), or the training diverges (it says where).

    References
    ----------
    He et al. 2015, section 4.2.

    Examples
    --------
    >>> import tempfile
    >>> from resprobe.datasets import ImageSet  # or resprobe.load_data("cifar10", split="train")
    >>> images = (torch.arange(40 * 64) % 251).reshape(40, 1, 8, 8).to(torch.uint8)
    >>> data = ImageSet(images, torch.arange(40) % 2, ("even", "odd"), "numbers", "train")
    >>> network = Architecture("resnet8", num_classes=2, in_channels=1, width=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     result = train(network, data, recipe=Recipe(), epochs=2, out=f"{folder}/net.pt")
    >>> result.frame[["network", "epoch", "iteration", "train_n", "validation_n"]].values.tolist()
    [['resnet8:width=2', 1, 1, 36, 4], ['resnet8:width=2', 2, 2, 36, 4]]
    """
    recipe = Recipe.read(recipe) if isinstance(recipe, str) else recipe
    execution = Execution.on(device) if execution is None else execution
    if data.split == "test":
        say(f"{data.name}: these are its test images; its training images are split='train'")
    check_fit(architecture, data, test)  # before the folder of ``out`` is made
    if resume and overwrite:
        raise UsageError("--resume and --overwrite were both given; choose one of them")
    places = Places.beside(out)
    writes = execution.world.leader
    with places.claimed() if writes else nullcontext():
        if writes and not resume and not overwrite:
            places.check_free()
        ready = prepare(
            architecture,
            data,
            recipe=recipe,
            epochs=epochs,
            seed=seed,
            normalisation=normalisation,
            execution=execution,
            curve=test if test_curve else None,
        )
        tested = None if test is None else shown(test, ready.setting, execution.device)
        run = Run(
            ready.setting,
            ready.loop,
            validation=ready.validation,
            curve=tested if test_curve else None,
            keeper=Keeper(
                ready.setting,
                places,
                data_spec=data.spec,
                holds_out=ready.validation is not None,
                writes=writes,
                replace=overwrite,
            ),
            pace=pace or Pace(),
            watched_every=None if watching is None else watching.every,
        )
        if resume:
            _take_up(run, say)
            execution.world.agree(run.loop.model)
        _carry_out(run, watching, tested, resume=resume)
        result = run.result()
        run.keeper.write_log(result)
    return result


def _take_up(run: Run, say: Callable[[str], None]) -> None:
    places = run.keeper.places
    found = newest(places, say)
    if found is None:
        say(f"{places.best}: no run there yet to go on with, so it begins")
        return
    saved = Saved.restored(found, run.loop, run.setting)
    if found.path == places.previous and run.keeper.writes:
        remove(places.last)  # damaged, or it would take the place of the good one
    run.resume(saved)
    say(f"going on from {found.path}, iteration {run.loop.iteration:,} of {run.loop.iterations:,}")
    if saved.watched_every != run.watched_every:
        before, now = (
            f"every {every}" if every else "no"
            for every in (saved.watched_every, run.watched_every)
        )
        say(f"{places.watch}: {before} step was recorded so far, and {now} step from here on")
    if saved.differences:
        say(f"{found.path}: {saved.differences}, so the last bits may differ from here on")


def _carry_out(
    run: Run, watching: Watching | None, tested: Batches | None, *, resume: bool
) -> None:
    try:
        with watched(run, watching, resume=resume):
            run.go_on()
        if tested is not None:
            run.test(tested)
        return
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
    # outside the handler, whose traceback would keep alive what did not fit
    raise out_of_memory(run.loop, is_evaluating=run.is_evaluating)
