"""The files of a training run, and who may write them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from resprobe.errors import ResprobeError, UsageError
from resprobe.files import left_parts, part_beside, prepare_folder

__all__ = ["Places", "check_free", "remove"]

SUFFIX = ".pt"


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where a run keeps what: never more than three checkpoints.

    Attributes
    ----------
    best : Path
        The network with the lowest validation error, ``r56.pt``.
    last, previous : Path
        The newest state of the run and the one before it, ``r56-last.pt`` and
        ``r56-previous.pt``: networks too, with what the training needs to go on.
    log, notes : Path
        One row per epoch, ``r56.csv``, and how it came about, ``r56.json``.
    watch : Path
        One row per watched step and block, ``r56-watch.csv``.
    """

    best: Path
    last: Path
    previous: Path
    log: Path
    notes: Path
    watch: Path

    @classmethod
    def beside(cls, out: str | Path) -> Places:
        """Return the files of a run that is kept at ``out``; nothing is made or looked for.

        Raises
        ------
        UsageError
            If ``out`` does not end in .pt, or one of the files is there and is no file.
        """
        out = Path(out)
        if out.is_dir() or not out.name:
            raise UsageError(f"{out}: a folder; name the checkpoint's file, such as {out}/net.pt")
        if out.suffix != SUFFIX:
            raise UsageError(
                f"{out}: a checkpoint's name ends in {SUFFIX}, and those of its log and states are "
                f"made from it; choose such as {_better(out)}"
            )
        stem = out.stem
        places = cls(
            best=out,
            last=out.with_name(f"{stem}-last{SUFFIX}"),
            previous=out.with_name(f"{stem}-previous{SUFFIX}"),
            log=out.with_name(f"{stem}.csv"),
            notes=out.with_name(f"{stem}.json"),
            watch=out.with_name(f"{stem}-watch.csv"),
        )
        for path in places:
            if os.path.lexists(path) and not path.is_file():
                raise UsageError(f"{path}: in the way, and no ordinary file; choose another --out")
        return places

    def __iter__(self) -> Iterator[Path]:
        return iter((self.best, self.last, self.previous, self.log, self.notes, self.watch))

    @property
    def states(self) -> list[Path]:
        """Those states that are there, the newest first."""
        return [path for path in (self.last, self.previous) if path.exists()]

    def check_free(self) -> None:
        """Raise UsageError if one of the files is there already."""
        check_free(*self)

    @contextlib.contextmanager
    def claimed(self) -> Iterator[None]:
        """Keep every other training away from these files for the time of the block.

        What a killed one left half written is removed first. A claim ends with its process,
        however that ends.

        Raises
        ------
        UsageError
            If another process holds the claim.
        ResprobeError
            If the folder cannot be made or written.
        """
        folder = prepare_folder(self.best.parent)
        lock = folder / f".{self.best.name}.lock"
        with _opened(lock) as file:
            _lock(file.fileno(), self.best)
            try:
                for path in self:
                    for part in left_parts(path):
                        remove(part)
                yield
            finally:
                lock.unlink(missing_ok=True)

    def remove_others(self) -> None:
        """Remove what another run left here, but for the newest state and what was watched.

        The best goes last: an interruption in between takes no network away for nothing.

        Raises
        ------
        ResprobeError
            Where that is not possible.
        """
        for path in (self.previous, self.log, self.notes, self.best):
            remove(path)

    def step_back(self) -> None:
        """Let the newest state be the one before it too, until a newer one is written.

        It stays in its place, so that a disk that turns out to be full takes nothing away.
        """
        if not self.last.exists():
            return
        link = part_beside(self.previous)
        try:
            os.link(self.last, link)
            link.replace(self.previous)
        except OSError:  # a file system without hard links
            with contextlib.suppress(OSError):
                self.last.replace(self.previous)
        finally:
            link.unlink(missing_ok=True)


def _better(out: Path) -> Path:
    of_another_kind = out.suffix in (".csv", ".json", ".pth", ".ckpt", ".safetensors")
    return out.with_suffix(SUFFIX) if of_another_kind else out.with_name(out.name + SUFFIX)


def check_free(*paths: Path) -> None:
    """Raise UsageError if one of the files is there already."""
    for path in paths:
        if os.path.lexists(path):
            raise UsageError(
                f"{path}: exists already; go on with --resume, replace it with --overwrite, "
                "or choose another --out"
            )


def remove(path: Path) -> None:
    """Remove a file that may be there; ResprobeError where that is not possible."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ResprobeError(
            f"{path}: cannot be removed ({error.strerror}); choose another --out"
        ) from error


def _opened(lock: Path) -> IO[bytes]:
    try:
        return lock.open("ab")
    except OSError as error:
        raise ResprobeError(
            f"{lock}: cannot be written ({error.strerror}); choose another --out"
        ) from error


def _lock(descriptor: int, out: Path) -> None:
    try:
        import fcntl  # not on Windows, where nobody is kept away
    except ImportError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UsageError(
            f"{out}: another training is at work there; wait for it, or choose another --out"
        ) from error
