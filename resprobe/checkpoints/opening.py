"""Open a checkpoint file: read it once, check its seal, and look at nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resprobe.checkpoints.content import decode, metadata_of, read_bytes
from resprobe.checkpoints.seal import broken, is_sealed

__all__ = ["FORMAT", "Opened", "open_checkpoint"]

FORMAT = "resprobe"
"""What a file of ours says under "format"."""


@dataclass(frozen=True)
class Opened:
    """What a file holds.

    Parameters
    ----------
    path : Path
        Where it was read.
    sha256 : str
        Of all its bytes, in hexadecimal.
    content : object
        Plain values and tensors.
    metadata : dict
        The texts in the header of a safetensors file; empty for others.
    """

    path: Path
    sha256: str
    content: Any
    metadata: dict[str, str]

    @property
    def is_ours(self) -> bool:
        """Whether it says that it was written by :func:`resprobe.checkpoints.save`."""
        return isinstance(self.content, Mapping) and self.content.get("format") == FORMAT


def open_checkpoint(path: str | Path) -> Opened:
    """Read a file of any kind, and make sure that one of ours is what was written.

    Raises
    ------
    InputError
        If there is no such file, or it is no checkpoint, damaged, or holds objects that would
        run code.
    IntegrityError
        If it is one of ours and was changed or truncated.
    """
    path = Path(path)
    data = read_bytes(path)
    sealed = is_sealed(data, path)
    opened = Opened(path, hashlib.sha256(data).hexdigest(), decode(data, path), metadata_of(data))
    if opened.is_ours and not sealed:
        raise broken(path)
    return opened
