"""From options to what a probe takes: networks as chains, and the images to show them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resprobe.cli.images import check_fit, images_for, normalisation_for
from resprobe.cli.say import note
from resprobe.errors import UsageError, one_of

if TYPE_CHECKING:
    import torch
    from torch import nn

    from resprobe.chain import Chain
    from resprobe.datasets import Batches, ImageSet, Normalisation

__all__ = ["Request", "Subject", "named", "subjects", "told_apart"]

SPLITS = ("train", "validation", "test")


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

    if request.split not in SPLITS:
        raise one_of("split", request.split, SPLITS)
    device = pick_device(request.device)
    if request.ckpt:
        found = [_from_checkpoint(path, request, device) for path in request.ckpt]
    else:
        found = _from_names(named(request.arch), request, device)
    labels = told_apart([subject.network for subject in found])
    return [replace(s, network=label) for s, label in zip(found, labels, strict=True)]


def named(arch: str) -> list[str]:
    """Return the names in a list with commas; UsageError where there is none."""
    names = [name.strip() for name in arch.split(",") if name.strip()]
    if not names:
        raise UsageError("no network named: give --ckpt FILE, or --arch NAME for a new one")
    return names


def told_apart(labels: list[str]) -> list[str]:
    """Give networks that would have the same name in a table numbers.

    Examples
    --------
    >>> told_apart(["a", "b", "a"])
    ['a#1', 'b', 'a#2']
    """
    return [
        f"{label}#{labels[: i + 1].count(label)}" if labels.count(label) > 1 else label
        for i, label in enumerate(labels)
    ]


def _from_checkpoint(path: Path, request: Request, device: torch.device) -> Subject:
    from resprobe.checkpoints import load

    checkpoint = load(path, arch=request.arch or None)
    for line in checkpoint.notes:
        note(f"{path.name}: {line}", quiet=request.quiet)
    images = images_for(request, checkpoint)
    check_fit(checkpoint, images)
    about = {
        "checkpoint": path.name,
        "checkpoint_sha256": checkpoint.sha256,
        "architecture": checkpoint.architecture.to_dict(),
        "epoch": checkpoint.epoch,
        "notes": list(checkpoint.notes),
    }
    normalisation = normalisation_for(request, images, checkpoint.normalisation)
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


def _from_names(names: list[str], request: Request, device: torch.device) -> list[Subject]:
    """Build networks at their initialisation, all for the same images."""
    from resprobe.networks import Architecture

    for name in names:
        Architecture(name)  # an unknown one is said before any data are read
    images = images_for(request, None)
    normalisation = normalisation_for(request, images, None)
    found = []
    for name in names:
        architecture = Architecture(
            name, num_classes=len(images.classes), in_channels=images.channels, width=request.width
        )
        about = {
            "checkpoint_sha256": None,
            "architecture": architecture.to_dict(),
            "initialisation": f"He et al. 2015, seed {request.seed}",
        }
        model = architecture.build(seed=request.seed).eval()
        found.append(
            _subject(
                name, model, images, normalisation, request, device, trained=False, about=about
            )
        )
    return found


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
