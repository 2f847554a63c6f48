"""The files of a training run."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from resprobe.errors import ResprobeError, UsageError
from resprobe.files import prepare_folder

__all__ = ["Places", "check_free"]

RESERVED = {".csv": "the log's suffix", ".json": "the suffix of the log's notes"}


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
        """Return the files of a run that is kept at ``out``, in a folder that can be written.

        Raises
        ------
        UsageError
            If ``out`` is a folder, or has the suffix of another of these files.
        ResprobeError
            If the folder cannot be made or written.
        """
        out = Path(out)
        if out.is_dir() or not out.name:
            raise UsageError(f"{out}: a folder; name the checkpoint's file, such as {out}/net.pt")
        if out.suffix in RESERVED:
            raise UsageError(
                f"{out}: {out.suffix} is {RESERVED[out.suffix]}; name the checkpoint .pt"
            )
        prepare_folder(out.parent)
        return cls(
            best=out,
            last=out.with_name(f"{out.stem}-last{out.suffix}"),
            previous=out.with_name(f"{out.stem}-previous{out.suffix}"),
            log=out.with_suffix(".csv"),
            notes=out.with_suffix(".json"),
            watch=out.with_name(f"{out.stem}-watch.csv"),
        )

    def __iter__(self) -> Iterator[Path]:
        return iter((self.best, self.last, self.previous, self.log, self.notes, self.watch))

    def check_free(self) -> None:
        """Raise UsageError if one of the files is there already."""
        check_free(*self)

    def clear(self) -> None:
        """Remove what another run left here, but for what was watched.

        Raises
        ------
        ResprobeError
            Where that is not possible.
        """
        for path in set(self) - {self.watch}:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise ResprobeError(
                    f"{path}: cannot be replaced ({error.strerror}); choose another --out"
                ) from error

    def step_back(self) -> None:
        """Let the newest state be the one before it too, until a newer one is written.

        It stays in its place, so that a disk that turns out to be full takes nothing away.
        """
        if not self.last.exists():
            return
        link = self.previous.with_name(f".{self.previous.name}.{secrets.token_hex(4)}.part")
        try:
            os.link(self.last, link)
            link.replace(self.previous)
        except OSError:  # a file system without hard links
            with contextlib.suppress(OSError):
                self.last.replace(self.previous)
        finally:
            link.unlink(missing_ok=True)


def check_free(*paths: Path) -> None:
    """Raise UsageError if one of the files is there already."""
    for path in paths:
        if os.path.lexists(path):
            raise UsageError(
                f"{path}: exists already; go on with --resume, replace it with --overwrite, "
                "or choose another --out"
            )
