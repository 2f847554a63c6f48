"""Images of one's own: a folder per class in ``train/`` and ``test/``, or without labels."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from resprobe.datasets.decoding import opened, rgb
from resprobe.datasets.images import ImageSet
from resprobe.datasets.labels import NO_LABEL
from resprobe.datasets.listing import agree_on_classes, class_files, loose_files
from resprobe.errors import InputError

__all__ = ["SPLITS", "folder", "listing", "unlabelled"]

SPLITS = ("train", "test")
CHUNK = 64


def listing(path: str | Path, split: str) -> tuple[list[Path], list[int], tuple[str, ...]]:
    """List a split: class folders sorted by name, in each the files sorted by name.

    Names that begin with a dot are left out.

    Returns
    -------
    files : list of Path
    labels : list of int
        The position of each file's class in ``classes``.
    classes : tuple of str

    Raises
    ------
    InputError
        If there is no such folder or split, a class is empty, a file lies where a folder
        should or the reverse, or ``train/`` and ``test/`` differ in their classes.
    """
    path = Path(path)
    if not path.is_dir():
        raise InputError(
            f"{path}: no such folder; wanted one with train/ and test/ of class folders"
        )
    present = [name for name in SPLITS if (path / name).is_dir()]
    if split not in present:
        rest = (
            f"it has only {present[0]}/" if present else "wanted train/ and test/ of class folders"
        )
        raise InputError(f"{path}: no {split}/ folder in it; {rest}")
    others = [path / name for name in present if name != split]
    classes = agree_on_classes([path / split, *others])
    names, labels = class_files(path / split, classes)
    return [path / split / name for name in names], labels, classes


def folder(path: str | Path, *, split: str = "test") -> ImageSet:
    """Read a split of a folder data set, decoded to RGB and held in memory.

    The order is: class folders sorted, then file names sorted. Pixels are taken as stored
    (no resizing, no EXIF rotation, transparency dropped), so all images have one size.

    Parameters
    ----------
    path : str or Path
        Has ``train/`` and ``test/``, or one of them, of class folders; or images alone, which
        then have no labels.
    split : str
        "train" or "test". Images without labels are one set, which is read as "test" and
        calls itself "all".

    Returns
    -------
    ImageSet
        (N, 3, H, W); no normalisation, since nobody published one.

    Raises
    ------
    InputError
        If something is missing, does not decode, or differs in size; the file is named. Also
        if images without labels are to be trained on.
    """
    path = Path(path).expanduser().absolute()
    loose = unlabelled(path)
    if loose and split != "test":
        raise InputError(
            f"{path}: its images lie in no class folders, so they have no labels and there is no "
            f"{split} split; wanted train/ and test/ of class folders"
        )
    files, labels, classes = (loose, [NO_LABEL] * len(loose), ()) if loose else listing(path, split)
    return ImageSet(
        images=torch.from_numpy(_decoded(files)).permute(0, 3, 1, 2).contiguous(),
        labels=torch.tensor(labels, dtype=torch.int64),
        classes=classes,
        name=f"folder:{path.name}",
        split="all" if loose else split,
        spec=f"folder:{path}",
    )


def unlabelled(path: Path) -> list[Path]:
    """Return the files that lie directly in a folder without splits, sorted; [] for none.

    Raises
    ------
    InputError
        If files and folders lie side by side there.
    """
    if not path.is_dir() or any((path / split).is_dir() for split in SPLITS):
        return []
    return [path / name for name in loose_files(path)]


def _decoded(files: Sequence[Path]) -> npt.NDArray[np.uint8]:
    """Decode all files into one array (N, H, W, 3), several at a time."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        first = _decode(files[0], None)
        pixels = np.empty((len(files), *first.shape), dtype=np.uint8)

        def fill(start: int) -> None:
            for index in range(start, min(start + CHUNK, len(files))):
                pixels[index] = _decode(files[index], (files[0], first.shape))

        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            for _ in pool.map(fill, range(0, len(files), CHUNK)):
                pass
    return pixels


def _decode(file: Path, like: tuple[Path, tuple[int, ...]] | None) -> npt.NDArray[np.uint8]:
    with opened(file) as image:
        if like is None or image.size == like[1][1::-1]:
            return np.asarray(rgb(image, file))
        wide, high = image.size
    raise InputError(
        f"{file}: {wide}x{high} pixels, but {like[0]} has {like[1][1]}x{like[1][0]}; "
        "all images need one size"
    )
