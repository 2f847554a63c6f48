"""Small copies of the published archives, of the same layout, with their own sums."""

from __future__ import annotations

import hashlib
import io
import pickle
import tarfile
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from resprobe.datasets import File, KnownSet, Layout, Normalisation
from resprobe.datasets.cifar import decode_binary, decode_python

NORM = Normalisation((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
PER_FILE = 7


def tar_gz(members: dict[str, bytes]) -> bytes:
    """Pack members as regular files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return packed.getvalue()


def described(name: str, data: bytes) -> File:
    """Return the published description of a file with this content."""
    return File(name, len(data), hashlib.sha256(data).hexdigest(), hashlib.md5(data).hexdigest())


@dataclass(frozen=True)
class Small:
    """A data set of a few images, its archive as bytes, and what is inside."""

    entry: KnownSet
    archive: bytes
    members: dict[str, bytes]
    images: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]

    @property
    def known(self) -> dict[str, KnownSet]:
        return {self.entry.name: self.entry}

    @property
    def archive_name(self) -> str:
        return self.entry.downloads[0].name

    def put_archive(self, root: Path) -> Path:
        root.mkdir(parents=True, exist_ok=True)
        path = root / self.archive_name
        path.write_bytes(self.archive)
        return path

    def put_folder(self, root: Path) -> Path:
        for name, data in self.members.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return path.parent

    def with_archive(self, archive: bytes) -> Small:
        """Return the same set published with another archive, so that its sum is right."""
        layout = self.entry.layouts[0]
        file = described(self.archive_name, archive)
        entry = replace(self.entry, layouts=(replace(layout, archive=file),), downloads=(file,))
        return replace(self, entry=entry, archive=archive)


def _content(kind: str, classes: int, images: np.ndarray, labels: np.ndarray) -> bytes:
    flat = images.reshape(len(images), -1)
    if kind == "python":
        key = "fine_labels" if classes == 100 else "labels"
        return pickle.dumps({"data": flat, key: labels.tolist()}, protocol=2)
    columns = [labels[:, None].astype(np.uint8), flat]
    if classes == 100:
        columns.insert(0, (labels[:, None] % 20).astype(np.uint8))
    return np.concatenate(columns, axis=1).tobytes()


def _small(kind: str, classes: int) -> Small:
    rng = np.random.default_rng(classes)
    decode = decode_binary if kind == "binary" else decode_python
    if classes == 100:
        decode = partial(
            decode, **({"label_bytes": 2} if kind == "binary" else {"label_key": "fine_labels"})
        )
    folder = f"cifar-{classes}-{kind}"
    names = {"train": ["batch_1", "batch_2"], "test": ["test_batch"]}
    members: dict[str, bytes] = {}
    images, labels, files = {}, {}, {}
    for split, batches in names.items():
        images[split] = rng.integers(0, 256, (PER_FILE * len(batches), 3, 32, 32), dtype=np.uint8)
        labels[split] = rng.integers(0, classes, PER_FILE * len(batches))
        for number, batch in enumerate(batches):
            part = slice(number * PER_FILE, (number + 1) * PER_FILE)
            data = _content(kind, classes, images[split][part], labels[split][part])
            members[f"{folder}/{batch}"] = data
        files[split] = tuple(described(batch, members[f"{folder}/{batch}"]) for batch in batches)
    if kind == "binary":
        files = {
            split: tuple(File(f.name, f.size_bytes) for f in fs) for split, fs in files.items()
        }
    archive = tar_gz({f"{folder}/readme.html": b"hello", **members})
    file = described(f"{folder}.tar.gz", archive)
    layout = Layout(folder, files["train"], files["test"], decode, file)
    entry = KnownSet(
        f"small{classes}",
        tuple(f"class{number}" for number in range(classes)),
        NORM,
        (layout,),
        (file,),
        "https://example.invalid/",
        "none",
    )
    return Small(entry, archive, members, images, labels)


@pytest.fixture(
    params=[("binary", 10), ("python", 10), ("binary", 100), ("python", 100)],
    ids=lambda param: f"{param[0]}-{param[1]}",
)
def small(request):
    """Each of the four layouts of CIFAR in turn."""
    return _small(*request.param)


@pytest.fixture
def small_binary():
    return _small("binary", 10)


@pytest.fixture
def small_python():
    return _small("python", 10)


@pytest.fixture
def packed():
    """Return the function that packs a .tar.gz."""
    return tar_gz


@pytest.fixture
def image_folder(tmp_path):
    """Return a folder data set of 2 classes, 3 training and 2 test images each, and its pixels."""
    rng = np.random.default_rng(0)
    pixels = {}
    root = tmp_path / "pets"
    for split, count in {"train": 3, "test": 2}.items():
        for name in ("dog", "cat"):
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                path = root / split / name / f"{number}.png"
                pixels[str(path)] = rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)
                Image.fromarray(pixels[str(path)]).save(path)
    return root, pixels


SHAPES = ((60, 80), (80, 60), (48, 48), (200, 61), (33, 120))


@pytest.fixture(scope="session")
def photographs(tmp_path_factory):
    """Return ImageNet in small: JPEGs of several shapes, 3 classes, 15 to learn from, 6 to test."""
    from resprobe.datasets import load

    root = tmp_path_factory.mktemp("photographs") / "small-net"
    for folder, split, count in (("train", "train", 5), ("val", "test", 2)):
        images = load("embedded", split=split)
        for label in range(3):
            (root / folder / f"n{label:08}").mkdir(parents=True)
            pixels = images.images[images.labels == label, 0].numpy()
            for number in range(count):
                height, width = SHAPES[(number + label) % len(SHAPES)]
                grey = Image.fromarray(pixels[number]).resize((width, height))
                colours = np.asarray(grey)[..., None] * np.array([1.0, 0.7, 0.4])
                Image.fromarray(colours.astype(np.uint8)).save(
                    root / folder / f"n{label:08}" / f"{number}.JPEG", quality=95
                )
    return root
