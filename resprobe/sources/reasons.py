"""Other people's exceptions in a few words."""

from __future__ import annotations

import traceback
from pathlib import Path

__all__ = ["reason"]


def reason(error: BaseException, path: Path | None = None) -> str:
    """Return an exception's type and the first line of its message, for a sentence.

    Parameters
    ----------
    error : BaseException
        What was raised.
    path : Path, optional
        A file; the last of its lines that took part is named.

    Examples
    --------
    >>> reason(ValueError("too wide"))
    'ValueError: too wide'
    """
    line = None if path is None else _line(error, path)
    said = next(iter(str(error).strip().splitlines()), "")
    text = f"{type(error).__name__}: {said}" if said else type(error).__name__
    return text if line is None else f"line {line}: {text}"


def _line(error: BaseException, path: Path) -> int | None:
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno
    return lines[-1] if lines else None
