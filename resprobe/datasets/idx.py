"""IDX, the file format of MNIST and its successors: a header of sizes, then the bytes."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import IO, Protocol

import numpy as np
import numpy.typing as npt

from resprobe.errors import InputError, IntegrityError

__all__ = ["gunzip", "parse_idx", "read_idx"]

LIMIT_BYTES = 2**30  # more than any published IDX file; a header may declare up to 2**32 a side
UINT8 = 0x08


def parse_idx(data: bytes, *, name: str = "IDX data") -> npt.NDArray[np.uint8]:
    """Read an IDX array of unsigned bytes.

    Parameters
    ----------
    data : bytes
        Two zero bytes, the type (8: unsigned byte), the number of dimensions, each size as
        a big-endian 32-bit number, then exactly as many bytes as the sizes multiply to.
    name : str
        What an error calls it.

    Returns
    -------
    ndarray of uint8
        Read-only, of the declared shape.

    Raises
    ------
    InputError
        If the data are not such an array, or not as long as the header declares.

    References
    ----------
    http://yann.lecun.com/exdb/mnist/, "The IDX file format".

    Examples
    --------
    >>> parse_idx(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9]))
    array([7, 8, 9], dtype=uint8)
    """
    shape = _shape(data, name)
    start, wanted = 4 + 4 * len(shape), math.prod(shape)
    if len(data) - start != wanted:
        raise InputError(
            f"{name}: its header declares {wanted} bytes ({_times(shape)}) "
            f"and {len(data) - start} follow"
        )
    return np.frombuffer(data, dtype=np.uint8, offset=start).reshape(shape)


def read_idx(path: str | Path) -> npt.NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes, gzipped or plain.

    Never more than the declared sizes are decompressed, and at most 1 GiB.

    Raises
    ------
    InputError
        If the file is missing or no such array.
    IntegrityError
        If it is gzipped and damaged.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            data = gunzip(file, name=str(path), limit=None) if zipped else _bounded(file, str(path))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    return parse_idx(data, name=str(path))


def gunzip(file: IO[bytes], *, name: str, limit: int | None) -> bytes:
    """Decompress a gzip file to at most ``limit`` + 1 bytes, so that too much can be noticed.

    Without a limit the content is taken for IDX, and its own header sets the limit.

    Raises
    ------
    IntegrityError
        If the file is truncated or damaged.
    """
    try:
        with gzip.GzipFile(fileobj=file) as plain:
            return _bounded(plain, name) if limit is None else plain.read(limit + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise IntegrityError(f"{name}: the gzip file is truncated or damaged ({error})") from error


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def _bounded(file: _Readable, name: str) -> bytes:
    """Read the header, then no more than it declares and one byte, which would be too many."""
    head = file.read(4)
    head += file.read(4 * head[3]) if len(head) == 4 else b""
    return head + file.read(math.prod(_shape(head, name)) + 1)


def _shape(data: bytes, name: str) -> tuple[int, ...]:
    if len(data) < 4 or data[:2] != b"\0\0" or not data[3]:
        raise InputError(
            f"{name}: not an IDX file (it wants two zero bytes, a type, a number of sizes)"
        )
    if data[2] != UINT8:
        raise InputError(
            f"{name}: IDX type 0x{data[2]:02x}; only unsigned bytes (0x08) are images or labels"
        )
    sizes = data[4 : 4 + 4 * data[3]]
    if len(sizes) != 4 * data[3]:
        raise InputError(f"{name}: its IDX header of {data[3]} sizes is cut off")
    shape = struct.unpack(f">{data[3]}I", sizes)
    if math.prod(shape) > LIMIT_BYTES:
        raise InputError(
            f"{name}: its IDX header declares {_times(shape)} bytes, more than {LIMIT_BYTES}"
        )
    return shape


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
