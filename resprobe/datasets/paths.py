"""A million file names in little memory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from torch import Tensor

from resprobe.errors import InputError

__all__ = ["Paths"]


@dataclass(frozen=True, eq=False)
class Paths:
    """Files below one folder, as one array, which worker processes share without copying.

    Parameters
    ----------
    root : Path
        The folder.
    names : ndarray
        (N,), bytes, relative to the folder.

    Examples
    --------
    >>> import torch
    >>> files = Paths.of(Path("/data"), ["a/1.jpg", "a/22.jpg", "b/1.jpg"])
    >>> [file.as_posix() for file in files[torch.tensor([2, 0])]]
    ['/data/b/1.jpg', '/data/a/1.jpg']
    """

    root: Path
    names: npt.NDArray[np.bytes_]

    @classmethod
    def of(cls, root: Path, names: Sequence[str]) -> Paths:
        """Return the files of these names."""
        return cls(root, np.array([os.fsencode(name) for name in names], dtype=np.bytes_))

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Path]:
        return map(self.at, range(len(self)))

    def __getitem__(self, which: slice | Tensor) -> Paths:
        at = which if isinstance(which, slice) else which.cpu().numpy()
        return replace(self, names=self.names[at])

    def at(self, index: int) -> Path:
        """Return one of the files."""
        return self.root / os.fsdecode(bytes(self.names[index]))

    def described(self) -> Iterator[bytes]:
        """Yield each file's name and its length in bytes, as one line.

        Raises
        ------
        InputError
            If a file is gone.
        """
        for index, name in enumerate(self.names):
            file = self.at(index)
            try:
                yield b"%s %d\n" % (bytes(name), file.stat().st_size)
            except OSError as error:
                raise InputError(
                    f"{file}: cannot be read ({error.strerror or error}); it was there when the "
                    "data set was listed, so put it back"
                ) from error
