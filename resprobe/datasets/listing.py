"""The image files of a split that lies on disk as one folder per class."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from resprobe.errors import InputError

__all__ = ["agree_on_classes", "class_files", "class_names", "loose_files"]


def class_names(path: Path) -> tuple[str, ...]:
    """Return the class folders of a split, sorted; names that begin with a dot are left out.

    Raises
    ------
    InputError
        If there is none, or a file lies among them.
    """
    entries = _visible(path)
    stray = [entry.name for entry in entries if not entry.is_dir()]
    if stray:
        raise InputError(
            f"{path / stray[0]}: not a class folder; only folders of images belong in {path}"
        )
    if not entries:
        raise InputError(f"{path}: no class folder in it; wanted one folder of images per class")
    return tuple(entry.name for entry in entries)


def class_files(path: Path, classes: Sequence[str]) -> tuple[list[str], list[int]]:
    """List a split's files as ``CLASS/NAME``, class by class, in each sorted by name.

    Returns
    -------
    files : list of str
        Relative to ``path``.
    labels : list of int
        The position of each file's class in ``classes``.

    Raises
    ------
    InputError
        If a class is empty, or a folder lies among its files.
    """
    files: list[str] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        found = _files(path / name)
        files += [f"{name}/{file}" for file in found]
        labels += [label] * len(found)
    return files, labels


def agree_on_classes(splits: Sequence[Path]) -> tuple[str, ...]:
    """Return the classes of the first split; raise InputError unless all have the same."""
    first, *others = splits
    classes = class_names(first)
    for second in others:
        only = sorted(set(classes) ^ set(class_names(second)))
        if only:
            here, there = (first, second) if only[0] in classes else (second, first)
            raise InputError(
                f"{there}: no class folder '{only[0]}', which {here} has; "
                "both splits need the same classes"
            )
    return classes


def loose_files(path: Path) -> list[str]:
    """List the files that lie directly in a folder, sorted by name; [] where all are folders.

    Raises
    ------
    InputError
        If files and folders lie side by side.
    """
    entries = _visible(path)
    files = [entry.name for entry in entries if not entry.is_dir()]
    folders = [entry.name for entry in entries if entry.is_dir()]
    if files and folders:
        raise InputError(
            f"{path}: holds files ({files[0]}) beside folders ({folders[0]}/); wanted either "
            "images alone, which have no labels, or train/ and test/ of class folders"
        )
    return files


def _visible(path: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: e.name)
    except OSError as error:
        raise InputError(f"{path}: cannot be listed ({error.strerror or error})") from error


def _files(path: Path) -> list[str]:
    entries = _visible(path)
    if not entries:
        raise InputError(f"{path}: no image in it; remove the class or give it images")
    for entry in entries:
        if not entry.is_file():
            raise InputError(
                f"{entry.path}: not an image file; only images belong in a class folder"
            )
    return [entry.name for entry in entries]
