"""``resprobe train``: plain and residual baselines by published recipes."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from resprobe.cli import options as o
from resprobe.cli import train_options as w
from resprobe.cli import training as t
from resprobe.cli.allocator import keep_freed_memory
from resprobe.cli.output import prepared
from resprobe.cli.say import note, progress
from resprobe.cli.stopping import asked_to_stop

if TYPE_CHECKING:
    from resprobe.results import Result

__all__ = ["train"]


def train(
    arch: w.Arch,
    out: w.Out,
    data: o.Data = "",
    recipe: w.RecipeName = "he2015-cifar",
    change: o.Set = None,
    blocks_per_batch: w.BlocksPerBatch = None,
    epochs: w.Epochs = None,
    batch_size: w.StepSize = None,
    validation: w.Validation = None,
    images: w.Images = None,
    resume: w.Resume = False,
    overwrite: w.Overwrite = False,
    save_every: w.SaveEvery = 15.0,
    seeds: w.SeedCount = None,
    test_curve: w.TestCurve = False,
    watch: w.Watch = None,
    workers: w.Workers = None,
    precision: w.PrecisionName = "fp32",
    compile_: w.Compile = False,
    data_root: o.DataRoot = None,
    normalise: o.Normalise = "",
    device: o.Device = "auto",
    seed: o.Seed = 0,
    width: o.Width = None,
    model: w.NoModel = None,  # noqa: ARG001  # refused as soon as it is read
    json: o.Json = False,
    quiet: o.Quiet = False,
    dry_run: o.DryRun = False,
) -> None:
    """Train a network and keep the best and the last checkpoint and a log.

    What the recipe holds out of the training images chooses the checkpoint that is kept at
    --out; NAME-last beside it is the newest state, from which --resume goes on, NAME.csv and
    NAME.json the log. The test images are seen once, at the end. SIGTERM and Ctrl-C save first.
    Under torchrun, several processes and machines share the batches.

    Example: resprobe train --arch resnet56 --data cifar10 --out r56.pt
    """
    from resprobe import datasets, training
    from resprobe.monitor import Watching
    from resprobe.networks import Architecture

    keep_freed_memory()
    chosen = t.recipe_of(recipe, change or (), batch_size=batch_size, validation=validation)
    t.check_one_of_ours(arch)
    arch = t.network_text(arch, blocks_per_batch)
    Architecture.parse(arch, width=width)  # an unknown name is said before any data are read
    world = training.World.from_environment(device)
    execution = training.Execution(
        world=world,
        precision=t.precision_of(precision),
        compile_forward=compile_,
        workers=max(0, (os.cpu_count() or 1) - 1) if workers is None else workers,
    )
    say = functools.partial(note, quiet=quiet or not world.leader)
    if not data:
        say("no --data given: using the embedded Fashion-MNIST subset")
    t.say_execution(execution, say)
    options: dict[str, Any] = {
        "recipe": chosen,
        "epochs": epochs,
        "execution": execution,
        "normalisation": datasets.Normalisation.parse(normalise) if normalise else None,
    }
    with world.opened(), prepared(None if dry_run else out.parent):
        learn, test = (
            t.read(data or "embedded", split, data_root, images) for split in ("train", "test")
        )
        architecture = Architecture.parse(
            arch, num_classes=len(learn.classes), in_channels=learn.channels, width=width
        )
        t.say_depth(chosen, architecture, arch, say)
        if dry_run:
            t.check_places(out, seed=seed, seeds=seeds, replace=resume or overwrite)
            plan = training.plan_training(architecture, learn, seed=seed, **options)
            text = t.planned(plan, architecture, runs=seeds or 1, json=json)
        else:
            one = functools.partial(
                training.train,
                architecture,
                learn,
                test=test,
                test_curve=test_curve,
                resume=resume,
                overwrite=overwrite,
                watching=None if watch is None else Watching(every=watch),
                say=say,
                **options,
            )
            text = _trained(
                one,
                out,
                seed=seed,
                seeds=seeds,
                save_every=save_every,
                replace=resume or overwrite,
                writes=world.leader,
                json=json,
                quiet=quiet or not world.leader,
            )
    if world.leader:
        print(text)


def _trained(
    one: Callable[..., Result],
    out: Path,
    *,
    seed: int,
    seeds: int | None,
    save_every: float,
    replace: bool,
    writes: bool,
    json: bool,
    quiet: bool,
) -> str:
    """Run one training or several, saving first where a signal asks to stop."""
    from resprobe import training

    with asked_to_stop() as asked, progress(f"train {out.stem}", quiet=quiet) as step:
        pace = training.Pace(progress=t.reporter(step), stop=asked, save_every_s=60 * save_every)
        run = functools.partial(one, pace=pace)
        try:
            if seeds is None:
                return t.told(run(out=out, seed=seed), out, json=json)
            found = training.train_seeds(
                run, out=out, seeds=range(seed, seed + seeds), replace=replace, writes=writes
            )
            return t.seeds_told(found, out, json=json)
        except training.Stopped as stopped:
            note(str(stopped), quiet=quiet)
            raise typer.Exit(asked.exit_code) from None
