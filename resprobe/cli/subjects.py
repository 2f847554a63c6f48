"""From options to what a probe takes: networks as chains, and the images to show them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resprobe.cli.chains import chain_of
from resprobe.cli.images import (
    batches_for,
    check_fit,
    images_for,
    normalisation_for,
    other_classes,
    training_images,
)
from resprobe.cli.models import models_from_elsewhere
from resprobe.cli.network import Network
from resprobe.cli.request import Request, told_apart
from resprobe.cli.say import note, shortened, some
from resprobe.errors import one_of

if TYPE_CHECKING:
    import torch

    from resprobe.chain import Chain
    from resprobe.checkpoints import Checkpoint
    from resprobe.datasets import Batches, Images, Normalisation

__all__ = ["Subject", "subjects"]

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Subject:
    """A network to study with the images to study it on.

    Parameters
    ----------
    network : str
        Its name in tables.
    chain : Chain
        The network.
    data : Batches
        The images.
    trained : bool
        Whether its weights were read, and not drawn.
    about : dict
        What the provenance of a result says about it.
    request : Request
        What was asked for.
    checkpoint : Checkpoint or None
        Where it is one of ours or a file told to be.
    """

    network: str
    chain: Chain
    data: Batches
    trained: bool
    about: dict[str, Any]
    request: Request
    checkpoint: Checkpoint | None = None

    def training(self, n: int | None, *, what: str) -> Batches:
        """Return ``n`` training images (as many as are studied, or all, by default).

        Raises
        ------
        ResprobeError
            If there are not so many, or none at all; ``what`` is what they are for.
        """
        images = training_images(self.request, self.checkpoint, self.data, n, what=what)
        return replace(self.data, data=images)

    @property
    def has_batch_norm(self) -> bool:
        """Whether the figures depend on whose statistics BatchNorm uses."""
        from resprobe.chain import has_batch_norm

        return has_batch_norm(self.chain)


def subjects(request: Request) -> list[Subject]:
    """Load or build every network that was asked for, and the data that each wants.

    Raises
    ------
    ResprobeError
        If one of the networks or its data cannot be had.
    """
    from resprobe.devices import pick_device

    if request.split not in SPLITS:
        raise one_of("split", request.split, SPLITS)
    device = pick_device(request.device)
    if request.named.model:
        found = _from_elsewhere(request)
    elif request.named.ckpt:
        found = [_from_checkpoint(path, request) for path in request.named.ckpt]
    else:
        found = _at_initialisation(request)
    labels = told_apart([shown.network.label for shown in found])
    return [
        _subject(replace(shown, network=replace(shown.network, label=label)), request, device)
        for label, shown in zip(labels, found, strict=True)
    ]


@dataclass(frozen=True)
class _Shown:
    """A network, and how it is shown its images."""

    network: Network
    images: Images
    normalisation: Normalisation
    checkpoint: Checkpoint | None = None


def _from_checkpoint(path: Path, request: Request) -> _Shown:
    checkpoint = request.named.checkpoint(path)
    images = images_for(request, checkpoint)
    if checkpoint.lacks_head:
        checkpoint = request.named.checkpoint(path, classes=len(images.classes) or None)
    for line in checkpoint.notes:
        note(f"{path.name}: {line}", quiet=request.quiet)
    check_fit(checkpoint, images)
    normalisation = normalisation_for(request, images, checkpoint.normalisation)
    return _Shown(Network.from_checkpoint(checkpoint), images, normalisation, checkpoint)


def _at_initialisation(request: Request) -> list[_Shown]:
    """Build networks of ours, all for the same images."""
    request.named.architectures()  # an unknown one is said before any data are read
    images = images_for(request, None)
    normalisation = normalisation_for(request, images)
    architectures = request.named.architectures(
        classes=len(images.classes) or None, channels=images.channels
    )
    return [
        _Shown(Network.at_initialisation(architecture, seed=request.seed), images, normalisation)
        for architecture in architectures
    ]


def _from_elsewhere(request: Request) -> list[_Shown]:
    """Build other people's models, all for the same images."""
    from resprobe.checkpoints import HeadMismatch

    request.named.models()  # what cannot be meant is said before any data are read
    images = images_for(request, None)
    try:
        networks = models_from_elsewhere(
            request.named,
            seed=request.seed,
            quiet=request.quiet,
            classes=len(images.classes) or None,
            channels=images.channels,
        )
    except HeadMismatch as error:
        if error.wanted != len(images.classes):
            raise
        raise other_classes(error.path, error.classes, images) from error
    normalisations = {
        published: normalisation_for(request, images, published=published)
        for published in dict.fromkeys(network.normalisation for network in networks)
    }
    return [_Shown(network, images, normalisations[network.normalisation]) for network in networks]


def _subject(shown: _Shown, request: Request, device: torch.device) -> Subject:
    network = shown.network
    if not network.trained:
        note(f"{network.label}: at initialisation, seed {request.seed}, not trained",
             quiet=request.quiet)  # fmt: skip
    data = batches_for(request, network, shown.images, shown.normalisation, device)
    chain = chain_of(
        network.model.to(device),
        data.example(),
        channels=network.channels,
        layers=request.layers,
    )
    _say_what_merges(network.label, chain, quiet=request.quiet)
    return Subject(
        network.label, chain, data, network.trained, network.about, request, shown.checkpoint
    )


def _say_what_merges(label: str, chain: Chain, *, quiet: bool) -> None:
    """Name the links in which paths meet and no block is: they are never deleted or split."""
    from resprobe.chain import Link

    links = [s for s in (chain.stem, *chain.steps, chain.head) if isinstance(s, Link) and s.merge]
    if links:
        names = some([f"{shortened(link.name)} ({link.merge})" for link in links])
        note(
            f"{label}: paths that meet otherwise than by a residual sum always run: {names}",
            quiet=quiet,
        )
