"""From options to what a probe takes: networks as chains, and the images to show them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resprobe.cli.say import note
from resprobe.errors import InputError, UsageError

if TYPE_CHECKING:
    import torch
    from torch import nn

    from resprobe.chain import Chain
    from resprobe.checkpoints import Checkpoint
    from resprobe.datasets import Batches, ImageSet, Normalisation

__all__ = ["Request", "Subject", "subjects"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """The shared options of the analysing commands, as given."""

    arch: str
    ckpt: list[Path] | None
    data: str
    data_root: Path | None
    split: str
    normalise: str
    device: str
    seed: int
    images: int | None
    batch_size: int | None
    width: int
    quiet: bool
    images_by_default: int | None = None


@dataclass(frozen=True)
class Subject:
    """A network to study with the images to study it on."""

    network: str
    chain: Chain
    data: Batches
    trained: bool
    about: dict[str, Any]


def subjects(request: Request) -> list[Subject]:
    """Load or build every network that was asked for, and the data that each wants.

    Raises
    ------
    ResprobeError
        If no network was named, or one of them or its data cannot be had.
    """
    from resprobe.devices import pick_device
    from resprobe.networks import Architecture

    if not request.ckpt and not request.arch:
        raise UsageError("no network named: give --ckpt FILE, or --arch NAME for a new one")
    device = pick_device(request.device)
    if request.ckpt:
        found = [_from_checkpoint(path, request, device) for path in request.ckpt]
    else:
        names = [name.strip() for name in request.arch.split(",") if name.strip()]
        for name in names:
            Architecture(name)  # an unknown one is said before any data are read
        images = _images(request, request.data or _embedded(request), None)
        found = [_from_name(name, images, request, device) for name in names]
    return _told_apart(found)


def _embedded(request: Request) -> str:
    note("no --data given: using the embedded Fashion-MNIST subset", quiet=request.quiet)
    return "embedded"


def _from_checkpoint(path: Path, request: Request, device: torch.device) -> Subject:
    from resprobe.checkpoints import load

    checkpoint = load(path, arch=request.arch or None)
    for line in checkpoint.notes:
        note(f"{path.name}: {line}", quiet=request.quiet)
    spec = request.data or checkpoint.data or _embedded(request)
    images = _images(request, spec, checkpoint)
    if images.channels != checkpoint.architecture.in_channels:
        raise InputError(
            f"{path.name} takes images of {checkpoint.architecture.in_channels} channel(s) and "
            f"{images.name} has {images.channels}; name the data set that it was trained on "
            "with --data"
        )
    about = {
        "checkpoint": path.name,
        "checkpoint_sha256": checkpoint.sha256,
        "architecture": checkpoint.architecture.to_dict(),
        "epoch": checkpoint.epoch,
        "notes": list(checkpoint.notes),
    }
    normalisation = _normalisation(request, images, checkpoint.normalisation)
    return _subject(
        path.stem,
        checkpoint.model,
        images,
        normalisation,
        request,
        device,
        trained=True,
        about=about,
    )


def _from_name(name: str, images: ImageSet, request: Request, device: torch.device) -> Subject:
    from resprobe.networks import Architecture

    architecture = Architecture(
        name, num_classes=len(images.classes), in_channels=images.channels, width=request.width
    )
    about = {
        "checkpoint_sha256": None,
        "architecture": architecture.to_dict(),
        "initialisation": f"He et al. 2015, seed {request.seed}",
    }
    model = architecture.build(seed=request.seed).eval()
    normalisation = _normalisation(request, images, None)
    return _subject(name, model, images, normalisation, request, device, trained=False, about=about)


def _subject(
    network: str,
    model: nn.Module,
    images: ImageSet,
    normalisation: Normalisation,
    request: Request,
    device: torch.device,
    *,
    trained: bool,
    about: dict[str, Any],
) -> Subject:
    from resprobe.chain import unravel
    from resprobe.datasets import Batches

    batch_size = request.batch_size or (64 if device.type == "cpu" else 512)
    data = Batches(images.to(device), normalisation, batch_size)
    chain = unravel(model.to(device), data.example())
    return Subject(network, chain, data, trained, about)


def _images(request: Request, spec: str, checkpoint: Checkpoint | None) -> ImageSet:
    """Read the split that was asked for, and as many of its images."""
    from resprobe.datasets import load

    root = request.data_root
    if request.split == "validation":
        images = _held_out(load(spec, split="train", root=root), checkpoint)
    else:
        images = load(spec, split=request.split, root=root)
    if request.images:
        return images.subset(request.images)
    return images.subset(min(len(images), request.images_by_default or len(images)))


def _held_out(train: ImageSet, checkpoint: Checkpoint | None) -> ImageSet:
    """Divide the training images as the checkpoint's training did; return what it never saw."""
    if checkpoint is None or checkpoint.split_seed is None:
        raise UsageError(
            "--split validation: the images held out are known only for a checkpoint of ours that "
            "was trained with a validation split; choose train or test"
        )
    recipe = checkpoint.recipe
    given = train.subset(int(recipe.get("images", len(train))))
    return given.holdout(float(recipe["validation_fraction"]), seed=checkpoint.split_seed)[1]


def _normalisation(
    request: Request, images: ImageSet, stored: Normalisation | None
) -> Normalisation:
    """Take what was asked for, else what the checkpoint says, else the data set's own."""
    from resprobe.datasets import Normalisation

    if request.normalise:
        return Normalisation.parse(request.normalise)
    if stored is not None:
        return stored
    if images.normalisation is not None:
        return images.normalisation
    note(
        f"{images.name} has no published normalisation: using the mean and standard deviation of "
        "these images; name another with --normalise",
        quiet=request.quiet,
    )
    return Normalisation.measured(images.images)


def _told_apart(found: list[Subject]) -> list[Subject]:
    """Give networks that would have the same name in a table numbers."""
    names = [subject.network for subject in found]
    return [
        Subject(
            f"{s.network}#{names[:i].count(s.network) + 1}", s.chain, s.data, s.trained, s.about
        )
        if names.count(s.network) > 1
        else s
        for i, s in enumerate(found)
    ]
