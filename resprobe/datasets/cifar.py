"""CIFAR-10 and CIFAR-100: records of label and pixels, or pickled batches of the same."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from resprobe.datasets.sources import Arrays, Content, File, Layout
from resprobe.datasets.unpickle import unpickle
from resprobe.errors import InputError

__all__ = ["CIFAR10_LAYOUTS", "CIFAR100_LAYOUTS", "decode_binary", "decode_python"]

SHAPE = (3, 32, 32)
PIXELS = 3072


def decode_binary(contents: Sequence[Content], classes: int, *, label_bytes: int = 1) -> Arrays:
    """Read records of ``label_bytes`` labels and 3072 pixels (red, green, blue planes).

    Parameters
    ----------
    contents : sequence of (name, bytes)
        The files of a split, in order.
    classes : int
        Number of classes; every label lies below it.
    label_bytes : int
        1 for CIFAR-10; 2 for CIFAR-100, where the coarse label comes before the fine one
        and only the fine one is kept.

    Returns
    -------
    images : ndarray
        (N, 3, 32, 32), uint8.
    labels : ndarray
        (N,), int64.

    Raises
    ------
    InputError
        If a file is no whole number of records, or a label lies outside the classes.

    References
    ----------
    https://www.cs.toronto.edu/~kriz/cifar.html, "Binary version".
    """
    record = label_bytes + PIXELS
    images, labels = [], []
    for name, data in contents:
        if not data or len(data) % record:
            raise InputError(
                f"{name}: {len(data)} bytes are no whole number of records of {record} bytes"
            )
        records = np.frombuffer(data, dtype=np.uint8).reshape(-1, record)
        images.append(records[:, label_bytes:])
        labels.append(_in_range(records[:, label_bytes - 1].astype(np.int64), classes, name))
    return np.concatenate(images).reshape(-1, *SHAPE), np.concatenate(labels)


def decode_python(
    contents: Sequence[Content], classes: int, *, label_key: str = "labels"
) -> Arrays:
    """Read pickled batches: a dictionary with ``data`` (n, 3072) and a list of labels.

    Parameters
    ----------
    contents : sequence of (name, bytes)
        The batches of a split, in order. They go through a restricted unpickler.
    classes : int
        Number of classes; every label lies below it.
    label_key : str
        "labels" in CIFAR-10, "fine_labels" in CIFAR-100.

    Returns
    -------
    images : ndarray
        (N, 3, 32, 32), uint8.
    labels : ndarray
        (N,), int64.

    Raises
    ------
    InputError
        If a batch asks for anything but arrays, or its types, shapes or labels are wrong.
    """
    images, labels = [], []
    for name, data in contents:
        batch = unpickle(data, name=name)
        pixels = _pixels(batch.get("data"), name)
        images.append(pixels)
        labels.append(
            _in_range(_labels(batch.get(label_key), len(pixels), label_key, name), classes, name)
        )
    return np.concatenate(images).reshape(-1, *SHAPE), np.concatenate(labels)


def _pixels(value: Any, name: str) -> npt.NDArray[np.uint8]:
    if type(value) is not np.ndarray or value.dtype != np.uint8 or value.shape[1:] != (PIXELS,):
        found = (
            f"{value.dtype} {value.shape}"
            if isinstance(value, np.ndarray)
            else type(value).__name__
        )
        raise InputError(f"{name}: its 'data' should be a uint8 array (n, {PIXELS}) and is {found}")
    return value


def _labels(value: Any, n: int, key: str, name: str) -> npt.NDArray[np.int64]:
    if (
        type(value) is not list
        or len(value) != n
        or not n
        or any(type(label) is not int for label in value)
    ):
        raise InputError(f"{name}: its '{key}' should be a list of {n} whole numbers and is not")
    try:
        return np.array(value, dtype=np.int64)
    except OverflowError:
        raise InputError(f"{name}: its '{key}' hold numbers that no label has") from None


def _in_range(labels: npt.NDArray[np.int64], classes: int, name: str) -> npt.NDArray[np.int64]:
    if labels.min() < 0 or labels.max() >= classes:
        raise InputError(
            f"{name}: labels from {labels.min()} to {labels.max()}; wanted 0 to {classes - 1}"
        )
    return labels


def _batches(names: Sequence[str], sizes: Sequence[int], md5s: Sequence[str]) -> tuple[File, ...]:
    return tuple(
        File(*fields) for fields in zip(names, sizes, [None] * len(names), md5s, strict=True)
    )


CIFAR10_LAYOUTS = (
    Layout(
        folder="cifar-10-batches-bin",
        train=tuple(File(f"data_batch_{number}.bin", 10_000 * 3073) for number in range(1, 6)),
        test=(File("test_batch.bin", 10_000 * 3073),),
        decode=decode_binary,
        archive=File(
            "cifar-10-binary.tar.gz",
            170_052_171,
            sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            md5="c32a1d4ab5d03f1284b67883e8d87530",
        ),
    ),
    Layout(
        folder="cifar-10-batches-py",
        train=_batches(
            [f"data_batch_{number}" for number in range(1, 6)],
            [31_035_704, 31_035_320, 31_035_999, 31_035_696, 31_035_623],
            [
                "c99cafc152244af753f735de768cd75f",
                "d4bba439e000b95fd0a9bffe97cbabec",
                "54ebc095f3ab1f0389bbae665268c751",
                "634d18415352ddfa80567beed471001a",
                "482c414d41f54cd18b22e5b47cb7c3cb",
            ],
        ),
        test=(File("test_batch", 31_035_526, md5="40351d587109b95175f43aff81a1287e"),),
        decode=decode_python,
        archive=File(
            "cifar-10-python.tar.gz",
            170_498_071,
            sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
            md5="c58f30108f718f92721af3b95e74349a",
        ),
    ),
)
"""The published forms of CIFAR-10, in the order in which they are looked for."""

CIFAR100_LAYOUTS = (
    Layout(
        folder="cifar-100-binary",
        train=(File("train.bin", 50_000 * 3074),),
        test=(File("test.bin", 10_000 * 3074),),
        decode=partial(decode_binary, label_bytes=2),
        archive=File(
            "cifar-100-binary.tar.gz",
            168_513_733,
            sha256="58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
            md5="03b5dce01913d631647c71ecec9e9cb8",
        ),
    ),
    Layout(
        folder="cifar-100-python",
        train=(File("train", md5="16019d7e3df5f24257cddd939b257f8d"),),
        test=(File("test", md5="f0ef6b0ae62326f3e7ffdfab6717acfc"),),
        decode=partial(decode_python, label_key="fine_labels"),
        archive=File(
            "cifar-100-python.tar.gz",
            169_001_437,
            sha256="85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
            md5="eb9058c3a382ffc7106e4002c42a8d85",
        ),
    ),
)
"""The published forms of CIFAR-100, in the order in which they are looked for."""
