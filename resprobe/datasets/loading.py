"""One call that reads any data set by its spec."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import torch

from resprobe.datasets.embedded import embedded
from resprobe.datasets.file_set import FileSet
from resprobe.datasets.folder import SPLITS, folder
from resprobe.datasets.imagenet import imagenet
from resprobe.datasets.images import ImageSet
from resprobe.datasets.known import EMBEDDED_NAMES, KNOWN, KnownSet, data_root
from resprobe.datasets.sources import read_files
from resprobe.errors import InputError, UsageError, one_of

__all__ = ["load"]


class _Reader(Protocol):
    def __call__(self, path: str, *, split: str) -> ImageSet | FileSet: ...


ON_DISK: Mapping[str, _Reader] = {"folder": folder, "imagenet": imagenet}


def load(
    spec: str,
    *,
    split: str = "test",
    root: str | Path | None = None,
    known: Mapping[str, KnownSet] = KNOWN,
) -> ImageSet | FileSet:
    """Read a split of a data set: into memory, or, of photographs, the list of files.

    Parameters
    ----------
    spec : str
        "embedded" (a subset of Fashion-MNIST, always at hand), "folder:PATH" (``train/``
        and ``test/`` of class folders, or images alone, without labels), "imagenet:PATH"
        (``train/`` and ``val/`` of class folders), "cifar10", "cifar100" or "fashion-mnist".
    split : str
        "train" or "test"; with "imagenet:PATH", "test" is ``val/``. Images without labels are
        one set, whose split is "all".
    root : str or Path, optional
        Where the named sets lie; ``RESPROBE_DATA`` or ``data`` if not given.
    known : mapping
        The named sets; another mapping serves copies in other places or sizes.

    Returns
    -------
    ImageSet or FileSet
        On the CPU, with the data set's published normalisation where there is one; a
        ``FileSet`` for "imagenet:PATH".

    Raises
    ------
    UsageError
        If the spec or the split is unknown.
    InputError
        If the data are not at hand, or not what they should be.
    IntegrityError
        If a length or a sum is not the published one.
    ResprobeError
        If "imagenet:PATH" is asked for and torchvision is not installed.

    Examples
    --------
    >>> data = load("embedded", split="train")
    >>> len(data), data.classes[0], data.normalisation.describe()
    (5000, 'T-shirt/top', 'fashion-mnist')
    """
    if split not in SPLITS:
        raise one_of("split", split, SPLITS)
    if spec in EMBEDDED_NAMES:
        return embedded(split)
    kind, colon, path = spec.partition(":")
    if colon and kind in ON_DISK:
        if not path:
            raise UsageError(f"{kind}: wants a path behind it, as in {kind}:pets")
        return ON_DISK[kind](path, split=split)
    if spec not in known:
        if Path(spec).is_dir():
            raise UsageError(f"'{spec}' is a folder; write folder:{spec} to read its images")
        raise one_of("data set", spec, ["embedded", *known, *(f"{kind}:PATH" for kind in ON_DISK)])
    return _named(known[spec], split, data_root(root))


def _named(entry: KnownSet, split: str, root: Path) -> ImageSet:
    found = entry.at_hand(root)
    if not found:
        places = ", ".join(str(place) for _, place in entry.places(root))
        raise InputError(
            f"{entry.name} is not at hand (looked for {places}); get it with "
            f"`resprobe data fetch {entry.name}` or name its place with --data-root"
        )
    layout, place = found[0]
    images, labels = layout.decode(
        read_files(layout, place, layout.files(split)), len(entry.classes)
    )
    return ImageSet(
        images=torch.from_numpy(images),
        labels=torch.from_numpy(labels),
        classes=entry.classes,
        name=entry.name,
        split=split,
        normalisation=entry.normalisation,
        spec=entry.name,
    )
