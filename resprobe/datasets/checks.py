"""Comparing what lies on the disk with what was published."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resprobe.datasets.embedded import EMBEDDED_FILE, read_embedded
from resprobe.datasets.folder import SPLITS, folder, unlabelled
from resprobe.datasets.imagenet import imagenet, imagenet_splits
from resprobe.datasets.known import EMBEDDED_NAMES, KNOWN, KnownSet, data_root
from resprobe.datasets.sources import Check, File, Layout, folder_bytes
from resprobe.errors import InputError, ResprobeError

__all__ = ["verify"]

CHUNK = 64


def verify(
    path_or_name: str | Path,
    *,
    root: str | Path | None = None,
    known: Mapping[str, KnownSet] = KNOWN,
) -> list[dict[str, Any]]:
    """Check a data set against its published lengths and sums, file by file.

    Parameters
    ----------
    path_or_name : str or Path
        A name ("cifar10", "embedded"), a published archive or unpacked folder, a data root
        that holds some, or a folder of images, of which every one is then decoded:
        "folder:PATH" or a path, where they have one size, else "imagenet:PATH". Images
        without labels are looked for where it says "folder:" alone.
    root : str or Path, optional
        Where named sets lie; ``RESPROBE_DATA`` or ``data`` if not given.
    known : mapping
        The named sets.

    Returns
    -------
    list of dict
        One row per file: ``file``, ``expected``, ``found``, ``ok`` and ``checked`` (what
        was compared). A file that is wrong is a row with ``ok`` False, not an exception.

    Raises
    ------
    InputError
        If there is nothing there that could be checked.

    Examples
    --------
    >>> [row["ok"] for row in verify("embedded")]
    [True]
    """
    name = str(path_or_name)
    if name in EMBEDDED_NAMES:
        return [_embedded().row()]
    if name in known:
        return [check.row() for check in _named(known[name], data_root(root))]
    if name.startswith("imagenet:"):
        return [check.row() for check in _all_photographs(name.removeprefix("imagenet:"))]
    path = Path(name.removeprefix("folder:")).expanduser()
    if not path.exists():
        names = ", ".join(["embedded", *known])
        raise InputError(f"{path}: no such file or folder, nor one of the data sets {names}")
    checks = _folder(path, known) if path.is_dir() else _file(path, known)
    if not checks and name.startswith("folder:") and unlabelled(path):
        checks = [_images(path, path, "test")]
    if not checks:
        raise InputError(
            f"{path}: nothing here that is known; wanted a published archive or its folder, "
            "or train/ and test/ of class folders, or folder:PATH for images without labels"
        )
    return [check.row() for check in checks]


def _embedded() -> Check:
    try:
        read_embedded()
    except ResprobeError as error:
        return Check(
            str(EMBEDDED_FILE), "the published images", str(error), False, "content sha256"
        )
    return Check(
        str(EMBEDDED_FILE), "the published images", "the published images", True, "content sha256"
    )


def _named(entry: KnownSet, root: Path) -> list[Check]:
    found = entry.at_hand(root)
    if not found:
        raise InputError(
            f"{entry.name} is not at hand below {root}; "
            f"get it with `resprobe data fetch {entry.name}`"
        )
    return [check for layout, place in found for check in _place(layout, place, entry)]


def _place(layout: Layout, place: Path, entry: KnownSet) -> list[Check]:
    if place.is_dir():
        return [_member(layout, place, file, entry) for file in layout.train + layout.test]
    assert layout.archive is not None, "a file that is at hand is an archive"
    with place.open("rb") as stream:
        return [layout.archive.compare(stream, str(place))]


def _member(layout: Layout, place: Path, file: File, entry: KnownSet) -> Check:
    """Compare a file of an unpacked folder; without a published sum, its labels must fit."""
    try:
        where, data = folder_bytes(place, file)
    except ResprobeError as error:
        return Check(str(place / file.name), file.expected, str(error), False, "presence")
    check = file.compare(io.BytesIO(data), where)
    if not check.ok or file.sums:
        return check
    try:
        layout.decode([(where, data)], len(entry.classes))
    except InputError as error:
        return Check(where, file.expected, str(error), False, "size, label range")
    return Check(where, file.expected, check.found, True, "size, label range (no sum is published)")


def _folder(path: Path, known: Mapping[str, KnownSet]) -> list[Check]:
    layouts = [(layout, entry) for entry in known.values() for layout in entry.layouts]
    for layout, entry in layouts:
        if path.absolute().name == layout.folder:
            return _place(layout, path, entry)
    checks = [
        check
        for entry in known.values()
        for layout, place in entry.at_hand(path)
        for check in _place(layout, place, entry)
    ]
    images = [_images(path, path / split, split) for split in SPLITS if (path / split).is_dir()]
    return checks + images


def _images(path: Path, place: Path, split: str) -> Check:
    try:
        data = folder(path, split=split)
    except InputError as error:
        return Check(str(place), "images of one size", str(error), False, "every image decoded")
    high, wide = data.size
    kinds = f"in {len(data.classes)} classes" if data.labelled else "without labels"
    found = f"{len(data)} images of {wide}x{high} {kinds}"
    return Check(str(place), "images of one size", found, True, "every image decoded")


def _all_photographs(path: str) -> list[Check]:
    splits = imagenet_splits(Path(path).expanduser())
    if not splits:
        raise InputError(f"{path}: no train/ or val/ folder in it; wanted both, of class folders")
    return [_photographs(path, split, place) for split, place in splits.items()]


def _photographs(path: str, split: str, place: Path) -> Check:
    try:
        data = imagenet(path, split=split)
        parts = (slice(start, start + CHUNK) for start in range(0, len(data), CHUNK))
        found = sum(len(pixels) for pixels in data.stream(parts))
    except InputError as error:
        return Check(str(place), "photographs", str(error), False, "every image decoded")
    said = f"{found} images in {len(data.classes)} classes"
    return Check(str(place), "photographs", said, True, "every image decoded")


def _file(path: Path, known: Mapping[str, KnownSet]) -> list[Check]:
    for entry in known.values():
        for layout in entry.layouts:
            if layout.archive is not None and layout.archive.name == path.name:
                return _place(layout, path, entry)
            for file in layout.train + layout.test:
                if (
                    path.name in (file.name, f"{file.name}.gz")
                    and path.absolute().parent.name == layout.folder
                ):
                    return [_member(layout, path.parent, file, entry)]
    return []
