"""A SHA-256 in the comment of a zip archive, so that a changed bit is noticed.

``torch.save`` writes a zip archive that ends in a 22-byte end record whose last two bytes, the
length of the archive's comment, are zero. The seal replaces them by the length and the comment
``resprobe sha256:<64 hexadecimal digits>``, the digest of every byte before the length. Zip
readers, ``torch.load`` among them, skip the comment.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from resprobe.errors import IntegrityError, ResprobeError

__all__ = ["broken", "is_sealed", "seal"]

MARK = b"resprobe sha256:"
DIGITS = 64
END_RECORD = b"PK\x05\x06"
END_RECORD_LENGTH = 22
COMMENT_LENGTH = len(MARK) + DIGITS
SEAL_LENGTH = 2 + COMMENT_LENGTH


def seal(archive: bytes) -> bytes:
    """Return the bytes of a zip archive without a comment, with the seal as its comment.

    Raises
    ------
    ResprobeError
        If the archive does not end in a bare end record.
    """
    end = archive[-END_RECORD_LENGTH:]
    if not end.startswith(END_RECORD) or not end.endswith(b"\0\0"):
        raise ResprobeError(
            "this version of torch writes archives of another layout, which cannot be sealed; "
            "update resprobe, or write checkpoints with an earlier torch"
        )
    return archive[:-2] + _seal_of(archive[:-2])


def is_sealed(data: bytes, path: Path) -> bool:
    """Tell whether the content of a file carries a seal, which then is checked.

    Raises
    ------
    IntegrityError
        If it carries one that does not fit what comes before it.
    """
    if data[-COMMENT_LENGTH:-DIGITS] != MARK:
        return False
    if data[-SEAL_LENGTH:] != _seal_of(data[:-SEAL_LENGTH]):
        raise broken(path)
    return True


def broken(path: Path) -> IntegrityError:
    """Build the error for a file that is not what was written."""
    return IntegrityError(
        f"{path}: changed or truncated since it was written; restore it from a copy"
    )


def _seal_of(body: bytes) -> bytes:
    digest = hashlib.sha256(body).hexdigest().encode()
    return COMMENT_LENGTH.to_bytes(2, "little") + MARK + digest
