"""The data sets that are known by name: where they come from and what they hold."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resprobe.datasets.cifar import CIFAR10_LAYOUTS, CIFAR100_LAYOUTS
from resprobe.datasets.embedded import EMBEDDED_FILE
from resprobe.datasets.fashion import FASHION_CLASSES, FASHION_DOWNLOADS, FASHION_LAYOUT
from resprobe.datasets.normalise import KNOWN_NORMALISATIONS, Normalisation
from resprobe.datasets.sources import File, Layout
from resprobe.errors import UsageError, one_of

__all__ = ["EMBEDDED_NAMES", "KNOWN", "KnownSet", "catalogue", "data_root", "known_set"]

EMBEDDED_NAMES = ("embedded", "fashion-mnist-subset")

CIFAR10_CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
CIFAR100_NAMES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly
camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile
cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp
lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom
oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake
spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor
train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""
CIFAR100_CLASSES = tuple(CIFAR100_NAMES.split())


@dataclass(frozen=True)
class KnownSet:
    """A published data set.

    Parameters
    ----------
    name : str
        What ``load`` and ``fetch`` call it.
    classes : tuple of str
        Class names in the order of the labels.
    normalisation : Normalisation
        The one that its published networks use.
    layouts : tuple of Layout
        The forms in which it is read, the first that is found.
    downloads : tuple of File
        What ``fetch`` gets.
    url : str
        The https address of the folder that holds the downloads.
    licence : str
        In words.
    folder : str
        Where the downloads go, below the data root.
    """

    name: str
    classes: tuple[str, ...]
    normalisation: Normalisation
    layouts: tuple[Layout, ...]
    downloads: tuple[File, ...]
    url: str
    licence: str
    folder: str = ""

    def places(self, root: Path) -> list[tuple[Layout, Path]]:
        """Return where it can lie below a data root, with the form that it has there."""
        return [(layout, place) for layout in self.layouts for place in layout.places(root)]

    def at_hand(self, root: Path) -> list[tuple[Layout, Path]]:
        """Return those of its places that exist."""
        return [
            (layout, place)
            for layout, place in self.places(root)
            if (
                place.is_file()
                if layout.archive and place.name == layout.archive.name
                else place.is_dir()
            )
        ]


def _cifar(name: str, classes: tuple[str, ...], layouts: tuple[Layout, ...]) -> KnownSet:
    archive = layouts[0].archive
    assert archive is not None, "CIFAR is published as archives"
    return KnownSet(
        name,
        classes,
        KNOWN_NORMALISATIONS[name],
        layouts,
        (archive,),
        "https://www.cs.toronto.edu/~kriz/",
        "unknown (the authors state none), so it is never shipped",
    )


KNOWN: Mapping[str, KnownSet] = {
    "cifar10": _cifar("cifar10", CIFAR10_CLASSES, CIFAR10_LAYOUTS),
    "cifar100": _cifar("cifar100", CIFAR100_CLASSES, CIFAR100_LAYOUTS),
    "fashion-mnist": KnownSet(
        "fashion-mnist",
        FASHION_CLASSES,
        KNOWN_NORMALISATIONS["fashion-mnist"],
        (FASHION_LAYOUT,),
        FASHION_DOWNLOADS,
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "MIT",
        folder="fashion-mnist",
    ),
}
"""The data sets that ``load`` looks for below the data root and ``fetch`` gets."""


def data_root(root: str | Path | None) -> Path:
    """Return the data root: the one given, else ``RESPROBE_DATA``, else ``data``."""
    return Path(
        root if root is not None else os.environ.get("RESPROBE_DATA") or "data"
    ).expanduser()


def known_set(name: str, known: Mapping[str, KnownSet]) -> KnownSet:
    """Return the data set of that name.

    Raises
    ------
    UsageError
        If there is none, or it is the embedded one, which needs no fetching.
    """
    if name in EMBEDDED_NAMES:
        raise UsageError(f"'{name}' is part of the package: there is nothing to fetch, just use it")
    if name not in known:
        raise one_of("data set", name, known)
    return known[name]


def catalogue(
    root: str | Path | None = None, *, known: Mapping[str, KnownSet] = KNOWN
) -> list[dict[str, Any]]:
    """List the data sets that are known by name, and where each is at hand.

    Returns
    -------
    list of dict
        ``name``, ``classes`` (their number), ``at_hand``, ``place`` (a path, "" where it is
        not at hand; nothing is verified), ``download_bytes``, ``licence``, ``get`` (the
        command that gets it).

    Examples
    --------
    >>> [row["name"] for row in catalogue()]
    ['embedded', 'cifar10', 'cifar100', 'fashion-mnist']
    """
    folder = data_root(root)
    first = {
        "name": "embedded",
        "classes": len(FASHION_CLASSES),
        "at_hand": True,
        "place": str(EMBEDDED_FILE),
        "download_bytes": 0,
        "licence": "MIT",
        "get": "",
    }
    return [first, *(_row(entry, folder) for entry in known.values())]


def _row(entry: KnownSet, root: Path) -> dict[str, Any]:
    found = entry.at_hand(root)
    return {
        "name": entry.name,
        "classes": len(entry.classes),
        "at_hand": bool(found),
        "place": str(found[0][1]) if found else "",
        "download_bytes": sum(file.size_bytes or 0 for file in entry.downloads),
        "licence": entry.licence,
        "get": f"resprobe data fetch {entry.name}",
    }
