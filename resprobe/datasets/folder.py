"""Images of one's own: ``train/`` and ``test/``, each with a folder of images per class."""

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

from resprobe.datasets.images import ImageSet
from resprobe.errors import InputError

__all__ = ["SPLITS", "folder", "listing"]

SPLITS = ("train", "test")
FORMATS = ("JPEG", "PNG", "BMP", "PPM", "TIFF", "WEBP")  # decoders that start no other program
MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV"}
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
    classes = _classes(path / split)
    for other in present:
        _agree(path / split, classes, path / other, _classes(path / other))
    files, labels = [], []
    for label, name in enumerate(classes):
        found = _files(path / split / name)
        files += found
        labels += [label] * len(found)
    return files, labels, classes


def _visible(path: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: e.name)
    except OSError as error:
        raise InputError(f"{path}: cannot be listed ({error.strerror or error})") from error


def _classes(path: Path) -> tuple[str, ...]:
    entries = _visible(path)
    stray = [entry.name for entry in entries if not entry.is_dir()]
    if stray:
        raise InputError(
            f"{path / stray[0]}: not a class folder; only folders of images belong in {path}"
        )
    if not entries:
        raise InputError(f"{path}: no class folder in it; wanted one folder of images per class")
    return tuple(entry.name for entry in entries)


def _agree(first: Path, classes: tuple[str, ...], second: Path, others: tuple[str, ...]) -> None:
    only = sorted(set(classes) ^ set(others))
    if only:
        here, there = (first, second) if only[0] in classes else (second, first)
        raise InputError(
            f"{there}: no class folder '{only[0]}', which {here} has; "
            "both splits need the same classes"
        )


def _files(path: Path) -> list[Path]:
    entries = _visible(path)
    if not entries:
        raise InputError(f"{path}: no image in it; remove the class or give it images")
    for entry in entries:
        if not entry.is_file():
            raise InputError(
                f"{entry.path}: not an image file; only images belong in a class folder"
            )
    return [Path(entry.path) for entry in entries]


def folder(path: str | Path, *, split: str = "test") -> ImageSet:
    """Read a split of a folder data set, decoded to RGB and held in memory.

    The order is: class folders sorted, then file names sorted. Pixels are taken as stored
    (no resizing, no EXIF rotation, transparency dropped), so all images have one size.

    Parameters
    ----------
    path : str or Path
        Has ``train/`` and ``test/``, or one of them, of class folders.
    split : str
        "train" or "test".

    Returns
    -------
    ImageSet
        (N, 3, H, W); no normalisation, since nobody published one.

    Raises
    ------
    InputError
        If something is missing, does not decode, or differs in size; the file is named.
    """
    path = Path(path).expanduser().absolute()
    files, labels, classes = listing(path, split)
    return ImageSet(
        images=torch.from_numpy(_decoded(files)).permute(0, 3, 1, 2).contiguous(),
        labels=torch.tensor(labels, dtype=torch.int64),
        classes=classes,
        name=f"folder:{path.name}",
        split=split,
        spec=f"folder:{path}",
    )


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
    try:
        with Image.open(file, formats=FORMATS) as image:
            if like is None or image.size == like[1][1::-1]:
                return _rgb(image, file)
            wide, high = image.size
    except InputError:
        raise
    except Exception as error:  # decoders raise nearly anything on damaged files
        raise InputError(
            f"{file}: does not decode as an image ({error}); known are {', '.join(FORMATS)}"
        ) from error
    raise InputError(
        f"{file}: {wide}x{high} pixels, but {like[0]} has {like[1][1]}x{like[1][0]}; "
        "all images need one size"
    )


def _rgb(image: Image.Image, file: Path) -> npt.NDArray[np.uint8]:
    if image.mode not in MODES:
        raise InputError(
            f"{file}: pixels of mode {image.mode} (more than 8 bits) would be clipped; "
            "save it with 8 bits"
        )
    return np.asarray(image.convert("RGB"))
