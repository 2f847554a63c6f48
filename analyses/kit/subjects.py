"""The trained networks that a script looks at, each with its images."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from resprobe import Architecture, Checkpoint, load, unravel
from resprobe.chain import Chain
from resprobe.datasets import Batches, Images
from resprobe.datasets import load as load_images
from resprobe.devices import pick_device
from resprobe.errors import InputError
from resprobe.results import Result

__all__ = ["Network", "Place", "Subject", "once", "training_of"]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A trained network, and the images to show it.

    Attributes
    ----------
    name : str
        Of the checkpoint's file, without its ending.
    chain : Chain
        On the device that was asked for.
    data : Batches
        Of the split that was asked for, normalised as the network wants them.
    about : dict
        What the provenance of a result says of it.
    architecture : Architecture
        Of the network.
    """

    name: str
    chain: Chain
    data: Batches
    about: dict[str, object]
    architecture: Architecture

    def shown(self, images: int) -> Batches:
        """Return so many images, evenly spaced, or all there are."""
        return replace(self.data, data=self.data.data.subset(min(images, self.data.n)))


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where images lie that networks do not know themselves, and where networks run."""

    data: str = ""
    root: Path | None = None
    label: str = ""
    device: str = "auto"

    def images(self, spec: str, split: str) -> Images:
        """Read a split; images from a folder are called what the label says."""
        images = load_images(spec, split=split, root=self.root)
        if self.label and images.name.startswith("folder:"):
            return replace(images, name=self.label)  # type: ignore[type-var]
        return images


@dataclass(frozen=True, kw_only=True)
class Network:
    """A trained network that a script is to look at; nothing is read before it is needed.

    Attributes
    ----------
    name : str
        What tables call it.
    find : callable
        Returns the checkpoint, which may first have to be trained.
    place : Place
        Where its images lie, and where it runs.
    """

    name: str
    find: Callable[[], Path]
    place: Place

    def read(self, split: str = "test") -> Subject:
        """Read the checkpoint, and images of the kind that it was trained for.

        Raises
        ------
        InputError
            If nothing says which images are wanted, or how they are normalised.
        """
        path = self.find()
        kept = load(path)
        spec = kept.data or self.place.data
        if not spec:
            raise InputError(f"{path}: it does not say what it was trained on; name it with --data")
        images = self.place.images(spec, split)
        normalisation = kept.normalisation or images.normalisation
        if normalisation is None:
            raise InputError(f"{path}: neither it nor {images.name} say how images are normalised")
        device = pick_device(self.place.device)
        shown = Batches(images.to(device), normalisation)
        return Subject(
            name=self.name,
            chain=unravel(kept.model.to(device), shown.example()),
            data=shown,
            about={
                "checkpoint": path.name,
                "checkpoint_sha256": kept.sha256,
                "training": training_of(kept),
            },
            architecture=kept.architecture,
        )


def training_of(kept: Checkpoint) -> str:
    """Say how wide a network is, and for how long it was trained where it knows."""
    said = f"width {kept.architecture.width}" if kept.architecture else ""
    recipe = kept.recipe
    if not {"images", "validation_fraction", "batch_size", "iterations"} <= set(recipe):
        return said
    seen = round(recipe["images"] * (1 - recipe["validation_fraction"]))
    epochs = recipe["iterations"] / math.ceil(seen / recipe["batch_size"])
    return f"{said}, {epochs:.0f} epochs"


def once(stem: Path, measure: Callable[[], Result]) -> Result:
    """Return what is kept at a stem, or measure it and keep it."""
    if stem.with_name(f"{stem.name}.json").exists():
        return Result.load(stem.with_name(f"{stem.name}.csv"))
    print(f"measuring {stem.name}", file=sys.stderr, flush=True)
    found = measure()
    found.save_as(stem)
    return found
