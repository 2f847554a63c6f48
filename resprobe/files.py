"""Files that are either whole or not there."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from resprobe.errors import ResprobeError

__all__ = [
    "left_parts",
    "part_beside",
    "prepare_folder",
    "sha256_of",
    "write_atomically",
    "written_atomically",
]


@contextlib.contextmanager
def written_atomically(path: str | Path) -> Iterator[IO[bytes]]:
    """Open a temporary file beside ``path`` that takes its place when the block ends well.

    The data are flushed to the disk before the rename, and the folder after it. When the
    block raises, the temporary file is removed and whatever stood at ``path`` stays.

    Raises
    ------
    ResprobeError
        If the file cannot be written there.
    """
    path = Path(path)
    # named first, so that a signal between its making and the try cannot leave it behind
    temporary = part_beside(path)
    try:
        with _new(temporary, path) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        _discard(temporary)
        raise ResprobeError(f"{path}: writing failed ({error.strerror or error})") from error
    except BaseException:
        _discard(temporary)
        raise


def part_beside(path: Path) -> Path:
    """Return a new name beside ``path``, for what is to take its place."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")


def left_parts(path: Path) -> list[Path]:
    """Return the files of such names that are there: a process that was killed left them."""
    return list(path.parent.glob(f".{glob.escape(path.name)}.????????.part"))


def _new(temporary: Path, path: Path) -> IO[bytes]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return temporary.open("xb")
    except OSError as error:
        raise ResprobeError(
            f"{path}: cannot be written ({error.strerror}); choose another place"
        ) from error


def _discard(temporary: Path) -> None:
    with contextlib.suppress(OSError):  # it is gone, or was never there
        temporary.unlink()


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # some file systems do not sync folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_atomically(path: str | Path, data: bytes | str) -> Path:
    """Write ``data`` (text as UTF-8) to ``path``, whole or not at all; return the path."""
    with written_atomically(path) as file:
        file.write(data.encode() if isinstance(data, str) else data)
    return Path(path)


def prepare_folder(path: str | Path) -> Path:
    """Make an output folder and prove that it can be written, before long work begins.

    Raises
    ------
    ResprobeError
        If the folder cannot be made, is a file, or takes no new file.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ResprobeError(
            f"{folder}: cannot be written ({error.strerror}); choose another folder with --out"
        ) from error
    return folder


def sha256_of(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
