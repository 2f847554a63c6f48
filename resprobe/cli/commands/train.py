"""``resprobe train``: plain and residual baselines by published recipes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resprobe.cli import options as o
from resprobe.cli.say import human_time, note, progress, table

if TYPE_CHECKING:
    from resprobe.datasets import ImageSet
    from resprobe.networks import Architecture
    from resprobe.results import Result
    from resprobe.training import Progress, Recipe

__all__ = ["train"]


def train(
    arch: o.Arch,
    out: Annotated[Path, typer.Option("--out", help="Checkpoint to write, such as r56.pt.")],
    data: o.Data = "",
    recipe: Annotated[
        str, typer.Option("--recipe", help="he2015-cifar or short.")
    ] = "he2015-cifar",
    epochs: Annotated[
        int | None,
        typer.Option("--epochs", min=1, help="Length of the run; the schedule is scaled to it."),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option("--batch-size", min=2, help="Images per step.")
    ] = None,
    validation: Annotated[
        float | None,
        typer.Option("--validation", min=0, max=0.9, help="Share of the images held out."),
    ] = None,
    images: Annotated[
        int | None,
        typer.Option("--images", min=1, help="Only N training and at most N test images."),
    ] = None,
    data_root: o.DataRoot = None,
    normalise: o.Normalise = "",
    device: o.Device = "auto",
    seed: o.Seed = 0,
    width: o.Width = 16,
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
    Architecture(arch)  # an unknown name is said before any data are read
    if not data:
        note("no --data given: using the embedded Fashion-MNIST subset", quiet=quiet)
    learn, test = (
        _read(data or "embedded", split, data_root, images) for split in ("train", "test")
    )
    architecture = Architecture(
        arch, num_classes=len(learn.classes), in_channels=learn.channels, width=width
    )
    options: dict[str, Any] = {
        "recipe": chosen,
        "epochs": epochs,
        "seed": seed,
        "device": where,
        "normalisation": datasets.Normalisation.parse(normalise) if normalise else None,
    }
    if dry_run:
        _show_plan(architecture, learn, json=json, **options)
        return
    with progress(f"train {arch}", quiet=quiet) as step:
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
    from resprobe.results import plain_json
    from resprobe.training import plan_training

    planned = plan_training(architecture, learn, **options)
    if json:
        print(plain_json({"meta": {"dry_run": True}, "rows": [dataclasses.asdict(planned)]}))
        return
    print(
        f"{architecture.name}: {planned.images} images to train on, {planned.validation_images} "
        f"held out; {planned.epochs} epochs, {planned.iterations} iterations of batch "
        f"{planned.batch_size}; about {human_time(planned.duration_s)}"
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
