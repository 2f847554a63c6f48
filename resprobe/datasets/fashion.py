"""Fashion-MNIST from its IDX files, padded to the 32x32 that the networks here take."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from resprobe.datasets.idx import parse_idx
from resprobe.datasets.sources import Arrays, Content, File, Layout
from resprobe.errors import InputError

__all__ = ["FASHION_CLASSES", "FASHION_DOWNLOADS", "FASHION_LAYOUT", "decode_idx", "padded"]

FASHION_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


def padded(images: npt.NDArray[np.uint8], *, pad: int = 2) -> npt.NDArray[np.uint8]:
    """Return (N, H, W) grey images as (N, 1, H + 2 pad, W + 2 pad), with a border of zeros.

    Examples
    --------
    >>> padded(np.full((1, 28, 28), 255, dtype=np.uint8)).shape
    (1, 1, 32, 32)
    """
    return np.pad(images, ((0, 0), (pad, pad), (pad, pad)))[:, None]


def decode_idx(contents: Sequence[Content], classes: int) -> Arrays:
    """Read a file of images and a file of labels, both IDX; pad the images by 2 pixels.

    Raises
    ------
    InputError
        If either is no such array, they differ in length, or a label lies outside.
    """
    (images_name, images_data), (labels_name, labels_data) = contents
    images = parse_idx(images_data, name=images_name)
    labels = parse_idx(labels_data, name=labels_name)
    if images.ndim != 3 or labels.shape != images.shape[:1] or not len(labels):
        raise InputError(
            f"{images_name}: images {images.shape} and labels {labels.shape}; "
            "wanted (n, height, width) and (n,)"
        )
    if labels.max() >= classes:
        raise InputError(f"{labels_name}: a label of {labels.max()}; wanted 0 to {classes - 1}")
    return padded(images), labels.astype(np.int64)


FASHION_LAYOUT = Layout(
    folder="fashion-mnist",
    train=(
        File(
            "train-images-idx3-ubyte",
            16 + 60_000 * 784,
            sha256="c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        ),
        File(
            "train-labels-idx1-ubyte",
            8 + 60_000,
            sha256="bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        ),
    ),
    test=(
        File(
            "t10k-images-idx3-ubyte",
            16 + 10_000 * 784,
            sha256="5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        ),
        File(
            "t10k-labels-idx1-ubyte",
            8 + 10_000,
            sha256="0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    ),
    decode=decode_idx,
)
"""The unpacked files; each may also lie there gzipped, and the sums are of the content."""

FASHION_DOWNLOADS = (
    File("train-images-idx3-ubyte.gz", 26_421_880, md5="8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
    File("train-labels-idx1-ubyte.gz", 29_515, md5="25c81989df183df01b3e8a0aad5dffbe"),
    File("t10k-images-idx3-ubyte.gz", 4_422_102, md5="bef4ecab320f06d8554ea6380940ec79"),
    File("t10k-labels-idx1-ubyte.gz", 5_148, md5="bb300cfdad3c16e7a12a480ee83cd310"),
)
"""The gzipped files as published, with the sums that the repository lists."""
