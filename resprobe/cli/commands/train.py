"""``resprobe train``: plain and residual baselines by published recipes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resprobe.cli import options as o
from resprobe.cli.output import prepared
from resprobe.cli.say import about, counted, note, progress, table
from resprobe.errors import UsageError

if TYPE_CHECKING:
    from resprobe.datasets import ImageSet
    from resprobe.networks import Architecture
    from resprobe.results import Result
    from resprobe.training import Progress, Recipe

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
        raise _not_ours(f"--model {given}")


def _not_ours(given: str) -> UsageError:
    return UsageError(
        f"train takes what --arch names, its own networks, and not {given}; train "
        "that where it comes from, and bring its weights to the other commands with --ckpt"
    )


def _check_one_of_ours(arch: str) -> None:
    if "," in arch:
        raise UsageError(
            f"train takes one architecture; got --arch {arch}, so train them one after the other"
        )
    source = arch.partition(":")[0]
    if source in ("torchvision", "timm") or source.endswith(".py"):
        raise _not_ours(arch)


NoModel = Annotated[
    str | None, typer.Option("--model", hidden=True, is_eager=True, callback=_refuse_model)
]
Out = Annotated[
    Path, typer.Option("--out", metavar="FILE", help="Checkpoint to write, such as r56.pt.")
]
RecipeName = Annotated[str, typer.Option("--recipe", metavar="NAME", help="he2015-cifar or short.")]
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
        help="Share of the training images held out (default: the recipe's, 0.1; 0 for none).",
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


def train(
    arch: Arch,
    out: Out,
    data: o.Data = "",
    recipe: RecipeName = "he2015-cifar",
    epochs: Epochs = None,
    batch_size: StepSize = None,
    validation: Validation = None,
    images: Images = None,
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

    A tenth of the training images is held out, and the checkpoint with the lowest error on
    them is kept at --out; NAME-last beside it is the last one, NAME.csv the log. The test
    images are seen once, at the end.

    Example: resprobe train --arch resnet56 --data cifar10 --out r56.pt
    """
    from resprobe import datasets, training
    from resprobe.devices import pick_device
    from resprobe.errors import one_of
    from resprobe.networks import Architecture

    if recipe not in training.recipes:
        raise one_of("recipe", recipe, training.recipes)
    chosen = _chosen(training.recipes[recipe], batch_size, validation)
    where = pick_device(device)
    _check_one_of_ours(arch)
    Architecture.parse(arch, width=width)  # an unknown name is said before any data are read
    if not data:
        note("no --data given: using the embedded Fashion-MNIST subset", quiet=quiet)
    options: dict[str, Any] = {
        "recipe": chosen,
        "epochs": epochs,
        "seed": seed,
        "device": where,
        "normalisation": datasets.Normalisation.parse(normalise) if normalise else None,
    }
    with prepared(None if dry_run else out.parent):
        learn, test = (
            _read(data or "embedded", split, data_root, images) for split in ("train", "test")
        )
        architecture = Architecture.parse(
            arch, num_classes=len(learn.classes), in_channels=learn.channels, width=width
        )
        if dry_run:
            _show_plan(architecture, learn, json=json, **options)
            return
        with progress(f"train {architecture.spec}", quiet=quiet) as step:
            result = training.train(
                architecture, learn, out=out, test=test, progress=_reporter(step), **options
            )
    print(result.to_json() if json else _told(result, out))


def _chosen(recipe: Recipe, batch_size: int | None, validation: float | None) -> Recipe:
    changes: dict[str, Any] = {}
    if batch_size is not None:
        changes["batch_size"] = batch_size
    if validation is not None:
        changes["validation_fraction"] = validation
    return dataclasses.replace(recipe, **changes)


def _read(spec: str, split: str, root: Path | None, images: int | None) -> ImageSet:
    from resprobe.datasets import load

    found = load(spec, split=split, root=root)
    if images is None or (split == "test" and images >= len(found)):
        return found
    return found.subset(images)


def _reporter(
    step: Callable[[int, int], None] | None,
) -> Callable[[Progress], None] | None:
    if step is None:
        return None
    return lambda at: step(at.iteration, at.iterations)


def _show_plan(architecture: Architecture, learn: ImageSet, *, json: bool, **options: Any) -> None:
    from resprobe.results import plain_json, versions
    from resprobe.training import plan_training

    planned = plan_training(architecture, learn, **options)
    if json:
        meta = {**versions(), "dry_run": True}
        print(plain_json({"meta": meta, "rows": [dataclasses.asdict(planned)]}))
        return
    print(
        f"{architecture.spec}: {counted(planned.images, 'image')} to train on, "
        f"{planned.validation_images:,} held out; {counted(planned.epochs, 'epoch')}, "
        f"{counted(planned.iterations, 'iteration')} of batch {planned.batch_size}; "
        f"{about(planned.duration_s)}"
    )


def _told(result: Result, out: Path) -> str:
    frame = result.frame
    shown = frame.copy()
    for column in ("train_loss", "train_error", "validation_loss", "validation_error"):
        shown[column] = frame[column].map("{:.4f}".format).replace("nan", "-")
    shown["duration_s"] = frame["duration_s"].map("{:.1f}".format)
    lines = [table(shown)]
    test = result.meta["networks"][0]["test"]
    if test:
        lines.append(
            f"test error of the kept checkpoint: {test['test_error']:.4f} "
            f"[{test['test_error_low']:.4f}, {test['test_error_high']:.4f}] "
            f"on {test['test_n']} images"
        )
    lines.append(f"saved {out}")
    return "\n".join(lines)
