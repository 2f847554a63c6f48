"""The data set that is always at hand: a subset of Fashion-MNIST inside the package."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from resprobe.datasets.fashion import FASHION_CLASSES, padded
from resprobe.datasets.images import ImageSet
from resprobe.datasets.normalise import KNOWN_NORMALISATIONS
from resprobe.errors import IntegrityError

__all__ = ["EMBEDDED_FILE", "content_sha256", "embedded", "read_embedded"]

EMBEDDED_FILE = Path(__file__).parent / "fashion_mnist" / "fashion-mnist-subset.npz"
CONTENT_SHA256 = "d252a7016491eebd6841b0f1fbeed18e3e45ccd76b429c04946491ce9a8a1e36"
KEYS = ("test_images", "test_labels", "train_images", "train_labels")


def content_sha256(arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    """Return the SHA-256 over the names, types, shapes and bytes of arrays, sorted by name.

    Unlike the sum of the file, it does not depend on who compressed it.
    """
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def read_embedded(path: str | Path = EMBEDDED_FILE) -> dict[str, npt.NDArray[np.uint8]]:
    """Read the four arrays (``train_images`` (5000, 28, 28), ...) and verify their content.

    Raises
    ------
    IntegrityError
        If the file is missing, damaged, or holds anything else.
    """
    try:
        content = io.BytesIO(Path(path).read_bytes())
        with np.load(content, allow_pickle=False) as file:
            arrays = {name: file[name] for name in KEYS}
    except (OSError, ValueError, KeyError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise IntegrityError(
            f"{path}: the embedded images cannot be read ({error}); install resprobe again"
        ) from error
    found = content_sha256(arrays)
    if found != CONTENT_SHA256:
        raise IntegrityError(
            f"{path}: the embedded images have sha256 {found}, wanted {CONTENT_SHA256}; "
            "install resprobe again"
        )
    return arrays


def embedded(split: str = "test") -> ImageSet:
    """Return the embedded data: 500 training and 100 test images per class of Fashion-MNIST.

    The images are evenly spaced within their class, in their published order, and padded
    with zeros from 28x28 to 32x32.

    Parameters
    ----------
    split : str
        "train" (5,000 images) or "test" (1,000).

    References
    ----------
    H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking
    machine learning algorithms", arXiv:1708.07747 (MIT licence, beside the file).

    Examples
    --------
    >>> data = embedded("test")
    >>> len(data), data.channels, data.size, data.labels.bincount().tolist()
    (1000, 1, (32, 32), [100, 100, 100, 100, 100, 100, 100, 100, 100, 100])
    """
    arrays = read_embedded()
    return ImageSet(
        images=torch.from_numpy(padded(arrays[f"{split}_images"])),
        labels=torch.from_numpy(arrays[f"{split}_labels"].astype(np.int64)),
        classes=FASHION_CLASSES,
        name="fashion-mnist-subset",
        split=split,
        normalisation=KNOWN_NORMALISATIONS["fashion-mnist"],
        spec="embedded",
    )
