"""``resprobe train``: plain and residual baselines by published recipes."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from resprobe.cli import options as o
from resprobe.cli import training as t
from resprobe.cli.output import prepared
from resprobe.cli.say import note, progress
from resprobe.cli.stopping import asked_to_stop
from resprobe.cli.training import not_ours
from resprobe.errors import UsageError

__all__ = ["train"]


Arch = Annotated[
    str,
    typer.Option(
        "--arch",
        metavar="NAME",
        help=f"Architecture, such as resnet56, plain20 or resnet110:shortcut=B. {o.OPTIONS}",
    ),
]


def _refuse_model(given: str | None) -> None:
    if given is not None:
        raise not_ours(f"--model {given}")


NoModel = Annotated[
    str | None, typer.Option("--model", hidden=True, is_eager=True, callback=_refuse_model)
]
Out = Annotated[
    Path, typer.Option("--out", metavar="FILE", help="Checkpoint to write, such as r56.pt.")
]
RecipeName = Annotated[
    str,
    typer.Option(
        "--recipe",
        metavar="NAME|FILE.toml",
        help="How to train, such as he2015-cifar, he2015-imagenet or short; `resprobe recipe` "
        "shows them all.",
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(
        "--epochs",
        metavar="N",
        min=1,
        help="Length of the run, to which the schedule is scaled (default: the recipe's).",
    ),
]
StepSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size", metavar="N", min=2, help="Images per step (default: the recipe's)."
    ),
]
Validation = Annotated[
    float | None,
    typer.Option(
        "--validation",
        metavar="SHARE",
        min=0,
        max=0.9,
        help="Share of the training images held out (default: the recipe's; 0 for none).",
    ),
]
Images = Annotated[
    int | None,
    typer.Option(
        "--images",
        metavar="N",
        min=1,
        help="Only N training and at most N test images, evenly spaced.",
    ),
]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Go on with the run at --out; where there is none, begin it."),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace the run at --out instead of refusing to.")
]
SaveEvery = Annotated[
    float,
    typer.Option(
        "--save-every",
        metavar="MINUTES",
        min=0,
        help="Save the state within an epoch after so long; after each epoch it is saved anyhow.",
    ),
]
SeedCount = Annotated[
    int | None,
    typer.Option(
        "--seeds",
        metavar="N",
        min=1,
        max=10_000,
        help="Train N times, from --seed on, and report mean, sd and interval; the files are "
        "NAME-seed0 and so on.",
    ),
]
TestCurve = Annotated[
    bool, typer.Option("--test-curve", help="Evaluate the test images after every epoch too.")
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        metavar="N",
        min=0,
        max=1024,
        help="Processes that decode images that lie on disk (default: the cores, less one).",
    ),
]


def train(
    arch: Arch,
    out: Out,
    data: o.Data = "",
    recipe: RecipeName = "he2015-cifar",
    change: o.Set = None,
    epochs: Epochs = None,
    batch_size: StepSize = None,
    validation: Validation = None,
    images: Images = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    save_every: SaveEvery = 15.0,
    seeds: SeedCount = None,
    test_curve: TestCurve = False,
    workers: Workers = None,
    data_root: o.DataRoot = None,
    normalise: o.Normalise = "",
    device: o.Device = "auto",
    seed: o.Seed = 0,
    width: o.Width = None,
    model: NoModel = None,  # noqa: ARG001  # refused as soon as it is read
    json: o.Json = False,
    quiet: o.Quiet = False,
    dry_run: o.DryRun = False,
) -> None:
    """Train a network and keep the best and the last checkpoint and a log.

    What the recipe holds out of the training images chooses the checkpoint that is kept at
    --out; NAME-last beside it is the newest state, from which --resume goes on, NAME.csv and
    NAME.json the log. The test images are seen once, at the end. SIGTERM and Ctrl-C save first.

    Example: resprobe train --arch resnet56 --data cifar10 --out r56.pt
    """
    from resprobe import datasets, training
    from resprobe.devices import pick_device
    from resprobe.networks import Architecture

    chosen = t.recipe_of(recipe, change or (), batch_size=batch_size, validation=validation)
    where = pick_device(device)
    t.check_one_of_ours(arch)
    Architecture.parse(arch, width=width)  # an unknown name is said before any data are read
    if resume and overwrite:
        raise UsageError("--resume and --overwrite were both given; choose one of them")
    if not data:
        note("no --data given: using the embedded Fashion-MNIST subset", quiet=quiet)
    options: dict[str, Any] = {
        "recipe": chosen,
        "epochs": epochs,
        "device": where,
        "workers": max(0, (os.cpu_count() or 1) - 1) if workers is None else workers,
        "normalisation": datasets.Normalisation.parse(normalise) if normalise else None,
    }
    with prepared(None if dry_run else out.parent):
        learn, test = (
            t.read(data or "embedded", split, data_root, images) for split in ("train", "test")
        )
        architecture = Architecture.parse(
            arch, num_classes=len(learn.classes), in_channels=learn.channels, width=width
        )
        if chosen.name.startswith("huang2016-stochastic-depth") and architecture.survival == 1:
            note(
                f"{architecture.spec} has no stochastic depth, so this is the baseline of that "
                f"recipe; --arch {arch}:survival=0.5 has it",
                quiet=quiet,
            )
        if dry_run:
            planned = training.plan_training(architecture, learn, seed=seed, **options)
            t.show_plan(planned, architecture, json=json)
            return
        one = functools.partial(
            training.train,
            architecture,
            learn,
            test=test,
            test_curve=test_curve,
            resume=resume,
            overwrite=overwrite,
            say=functools.partial(note, quiet=quiet),
            **options,
        )
        with asked_to_stop() as asked, progress(f"train {arch}", quiet=quiet) as step:
            one.keywords["pace"] = training.Pace(
                progress=t.reporter(step), stop=asked, save_every_s=60 * save_every
            )
            try:
                if seeds is None:
                    text = t.told(one(out=out, seed=seed), out, json=json)
                else:
                    found = training.train_seeds(
                        one,
                        out=out,
                        seeds=range(seed, seed + seeds),
                        replace=resume or overwrite,
                    )
                    text = t.seeds_told(found, json=json)
            except training.Stopped as stopped:
                note(str(stopped), quiet=quiet)
                raise typer.Exit(asked.exit_code) from None
    print(text)  # once the bar is gone, which takes stdout for its own
