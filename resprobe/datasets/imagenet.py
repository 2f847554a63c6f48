"""ImageNet, or anything that lies like it: photographs in class folders, left on the disk."""

from __future__ import annotations

from pathlib import Path

import torch

from resprobe.datasets.file_set import FileSet
from resprobe.datasets.listing import agree_on_classes, class_files
from resprobe.datasets.normalise import KNOWN_NORMALISATIONS
from resprobe.datasets.paths import Paths
from resprobe.datasets.views import transforms
from resprobe.errors import InputError

__all__ = ["imagenet", "imagenet_splits"]


def imagenet(path: str | Path, *, split: str = "test") -> FileSet:
    """List a split of ImageNet; nothing is decoded yet.

    The order is: class folders sorted, then file names sorted. Classes are the folders' names.

    Parameters
    ----------
    path : str or Path
        Has ``train/`` and ``val/`` (or ``test/``, which is looked at only where there is no
        ``val/``) of class folders, or one of them.
    split : str
        "train", or "test": the images of ``val/``, since those of ImageNet's own test split
        have no published labels.

    Returns
    -------
    FileSet
        With the normalisation that published ImageNet networks use.

    Raises
    ------
    InputError
        If something is missing, or the splits differ in their classes.
    ResprobeError
        If torchvision is not installed.
    """
    path = Path(path).expanduser().absolute()
    folders = imagenet_splits(path)
    if split not in folders:
        only = "".join(f"; it has only {folder.name}/" for folder in folders.values())
        wanted = "train/" if split == "train" else "val/"
        raise InputError(
            f"{path}: no {wanted} folder in it{only or '; wanted train/ and val/'} of class folders"
        )
    transforms()
    here = folders.pop(split)
    classes = agree_on_classes([here, *folders.values()])
    files, labels = class_files(here, classes)
    return FileSet(
        files=Paths.of(here, files),
        labels=torch.tensor(labels, dtype=torch.int64),
        classes=classes,
        name=f"imagenet:{path.name}",
        split=split,
        normalisation=KNOWN_NORMALISATIONS["imagenet"],
        spec=f"imagenet:{path}",
    )


def imagenet_splits(path: Path) -> dict[str, Path]:
    """Return the folders that there are, under "train" and "test".

    Raises
    ------
    InputError
        If there is no such folder.
    """
    if not path.is_dir():
        raise InputError(
            f"{path}: no such folder; wanted one with train/ and val/ of class folders"
        )
    evaluated = next((path / name for name in ("val", "test") if (path / name).is_dir()), None)
    found = {"train": path / "train"} if (path / "train").is_dir() else {}
    return found if evaluated is None else {**found, "test": evaluated}
