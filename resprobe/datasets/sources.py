"""Published files: what they are called, how long they are, their sums, how they are opened."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from resprobe.datasets.idx import gunzip
from resprobe.errors import InputError, IntegrityError

__all__ = ["Arrays", "Check", "Content", "File", "Layout", "folder_bytes", "read_files"]

Content: TypeAlias = tuple[str, bytes]
"""Where bytes came from, for messages, and the bytes."""
Arrays: TypeAlias = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]
"""Images (N, C, H, W) and labels (N,)."""

MEMBER_LIMIT = 2**28  # for members of unknown length: above any batch of CIFAR, below any harm


@dataclass(frozen=True)
class Check:
    """One line of a verification: what a file should be, what it is, whether they agree."""

    file: str
    expected: str
    found: str
    ok: bool
    checked: str

    def row(self) -> dict[str, Any]:
        """Return the line as a dictionary."""
        return asdict(self)

    @property
    def difference(self) -> str:
        """The first thing that differs, in words ("" where nothing does)."""
        for wanted, found in zip(self.expected.split(", "), self.found.split(", "), strict=True):
            if wanted != found:
                return f"wanted {wanted}, found {found}"
        return ""


@dataclass(frozen=True)
class File:
    """A published file.

    Parameters
    ----------
    name : str
        Its name, without a folder.
    size_bytes : int or None
        Its length; None where it is not known.
    sha256, md5 : str or None
        Its published sums in hexadecimal; every one that is given is checked.
    """

    name: str
    size_bytes: int | None = None
    sha256: str | None = None
    md5: str | None = None

    def compare(self, stream: IO[bytes], where: str) -> Check:
        """Read ``stream`` to its end and compare its length and sums with the published ones."""
        sums = {kind: hashlib.new(kind, usedforsecurity=False) for kind in self.sums}
        size = 0
        while chunk := stream.read(2**20):
            size += len(chunk)
            for digest in sums.values():
                digest.update(chunk)
        found = {kind: digest.hexdigest() for kind, digest in sums.items()}
        known_size = None if self.size_bytes is None else size
        return Check(
            file=where,
            expected=self.expected,
            found=_described(known_size, found),
            ok=known_size == self.size_bytes and found == self.sums,
            checked=", ".join([*([] if known_size is None else ["size"]), *sums]),
        )

    def require(self, stream: IO[bytes], where: str) -> None:
        """Raise IntegrityError unless the bytes in ``stream`` are the published ones."""
        check = self.compare(stream, where)
        if not check.ok:
            raise IntegrityError(
                f"{where}: {check.difference}, so it is incomplete or changed; "
                "remove it and get it again"
            )

    @property
    def sums(self) -> dict[str, str]:
        """The published sums by kind."""
        sums = {"sha256": self.sha256, "md5": self.md5}
        return {kind: value for kind, value in sums.items() if value is not None}

    @property
    def expected(self) -> str:
        """Its length and sums in words."""
        return _described(self.size_bytes, self.sums)


def _described(size: int | None, sums: dict[str, str]) -> str:
    length = [] if size is None else [f"{size} bytes"]
    return ", ".join([*length, *(f"{kind} {value}" for kind, value in sums.items())])


@dataclass(frozen=True)
class Layout:
    """One published form of a data set: a folder of files, mostly inside an archive.

    Parameters
    ----------
    folder : str
        The folder's name, inside the archive and unpacked.
    train, test : tuple of File
        The files that hold the splits.
    decode : callable
        ``decode(contents, classes)`` turns the contents of a split's files, in their
        order, into images and labels below ``classes``, or raises InputError.
    archive : File or None
        The ``.tar.gz`` around the folder.
    """

    folder: str
    train: tuple[File, ...]
    test: tuple[File, ...]
    decode: Callable[[Sequence[Content], int], Arrays]
    archive: File | None = None

    def files(self, split: str) -> tuple[File, ...]:
        """Return the files of a split, "train" or "test"."""
        return self.train if split == "train" else self.test

    def places(self, root: Path) -> list[Path]:
        """Return where it can lie below a data root, the archive first."""
        archive = [root / self.archive.name] if self.archive else []
        return [*archive, root / self.folder]


def read_files(layout: Layout, place: Path, files: Sequence[File]) -> list[Content]:
    """Read and verify ``files`` from the archive or the unpacked folder at ``place``.

    An archive is read and never extracted: its own sum first, then regular members of the
    expected name and size. In a folder each file may also be gzipped, as ``NAME.gz``.

    Raises
    ------
    InputError
        If a file is missing or the archive is not laid out as it should be.
    IntegrityError
        If a length or a sum is wrong.
    """
    if place.is_dir():
        contents = [folder_bytes(place, file) for file in files]
        for file, (where, data) in zip(files, contents, strict=True):
            file.require(io.BytesIO(data), where)
        return contents
    with place.open("rb") as stream:
        if layout.archive is not None:  # the open file that was verified is the one that is read
            layout.archive.require(stream, str(place))
            stream.seek(0)
        members = _from_archive(
            stream, place, {f"{layout.folder}/{file.name}": file for file in files}
        )
    return [(f"{place}:{file.name}", members[file.name]) for file in files]


def _from_archive(stream: IO[bytes], place: Path, wanted: dict[str, File]) -> dict[str, bytes]:
    contents: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=stream, mode="r:gz") as tar:
            for member in tar:
                if member.name in wanted:
                    file = wanted[member.name]
                    contents[file.name] = _member(tar, member, file, f"{place}:{member.name}")
                if len(contents) == len(wanted):
                    break
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise InputError(f"{place}: not a readable .tar.gz ({error})") from error
    missing = [name for name, file in wanted.items() if file.name not in contents]
    if missing:
        raise InputError(
            f"{place}: holds no {', '.join(missing)}, so it is not the published archive"
        )
    return contents


def _member(tar: tarfile.TarFile, member: tarfile.TarInfo, file: File, where: str) -> bytes:
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        raise InputError(f"{where}: is not a regular file, so it was not read")
    fits = (
        member.size == file.size_bytes
        if file.size_bytes is not None
        else member.size <= MEMBER_LIMIT
    )
    if not fits:
        raise InputError(
            f"{where}: {member.size} bytes, not the {file.size_bytes or MEMBER_LIMIT} "
            "of the published archive, so it was not read"
        )
    inside = tar.extractfile(member)
    assert inside is not None, "tarfile gives a stream for every regular member"
    data = inside.read()
    file.require(io.BytesIO(data), where)
    return data


def folder_bytes(folder: Path, file: File) -> Content:
    """Read a file of an unpacked folder, plain or as ``NAME.gz``, not yet verified.

    Raises
    ------
    InputError
        If it is not there or cannot be read.
    IntegrityError
        If it is longer than it should be, or its gzip form is damaged.
    """
    plain, zipped = folder / file.name, folder / f"{file.name}.gz"
    path = zipped if zipped.is_file() and not plain.is_file() else plain
    limit = MEMBER_LIMIT if file.size_bytes is None else file.size_bytes
    if not path.is_file():
        raise InputError(f"{path}: no such file; {folder} is not the complete published folder")
    try:
        with path.open("rb") as stream:
            if path is zipped:
                data = gunzip(stream, name=str(path), limit=limit)
            else:
                data = stream.read(limit + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    if len(data) > limit:
        raise IntegrityError(
            f"{path}: longer than the {limit} bytes that it should have; get it again"
        )
    return str(path), data
