"""The trained networks that a script is given, each with its images."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from resprobe import Architecture, load, train, unravel
from resprobe.chain import Chain
from resprobe.datasets import Batches
from resprobe.datasets import load as load_images
from resprobe.errors import InputError
from resprobe.results import Result
from resprobe.training import recipes

__all__ = ["Subject", "labelled", "once", "subject", "trained"]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A trained network, and the images to show it."""

    name: str
    chain: Chain
    data: Batches
    about: dict[str, object]

    def shown(self, images: int) -> Batches:
        """Return so many images, evenly spaced, or all there are."""
        return replace(self.data, data=self.data.data.subset(min(images, self.data.n)))


def subject(
    path: Path, data: str = "", root: Path | None = None, *, split: str = "test"
) -> Subject:
    """Read a checkpoint, and the images of the split that it was trained for.

    Parameters
    ----------
    path : Path
        Of any common checkpoint; the network is named after the file.
    data, root
        As ``resprobe --data`` and ``--data-root``, where the file does not know its images.

    Raises
    ------
    InputError
        If neither says which images are wanted, or how they are normalised.
    """
    kept = load(path)
    spec = kept.data or data
    if not spec:
        raise InputError(f"{path}: it does not say what it was trained on; name it with --data")
    images = load_images(spec, split=split, root=root)
    normalisation = kept.normalisation or images.normalisation
    if normalisation is None:
        raise InputError(f"{path}: neither it nor {images.name} say how images are normalised")
    shown = Batches(images, normalisation)
    return Subject(
        name=path.stem,
        chain=unravel(kept.model, shown.example()),
        data=shown,
        about={"checkpoint": path.name, "checkpoint_sha256": kept.sha256},
    )


def trained(path: Path, *, name: str = "resnet14", seed: int = 0) -> Path:
    """Train a tiny network in seconds, where there is none yet: for ``--smoke``."""
    if not path.exists():
        images = load_images("embedded", split="train").subset(400)
        architecture = Architecture(name, in_channels=1, width=2)
        train(architecture, images, recipe=recipes["short"], epochs=2, seed=seed, out=path)
    return path


def once(stem: Path, measure: Callable[[], Result]) -> Result:
    """Return what is kept at a stem, or measure it and keep it."""
    if stem.with_name(f"{stem.name}.json").exists():
        return Result.load(stem.with_name(f"{stem.name}.csv"))
    print(f"measuring {stem.name}", file=sys.stderr, flush=True)
    found = measure()
    found.save_as(stem)
    return found


def labelled(result: Result, label: str) -> Result:
    """Call images from a folder what they are."""
    data = result.meta["data"]
    if label and str(data["data_set"]).startswith("folder:"):
        data = {**data, "data_set": label}
    return Result(result.name, result.frame, {**result.meta, "data": data})
