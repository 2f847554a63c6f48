"""The data behind a page, as files that lie in the page itself."""

from __future__ import annotations

import base64
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from resprobe.results import Result

__all__ = ["Download", "downloads"]

_TYPES = {".csv": "text/csv;charset=utf-8", ".json": "application/json"}


@dataclass(frozen=True)
class Download:
    """A file that a page holds.

    Attributes
    ----------
    name : str
        That it is saved under.
    content : bytes
        Every byte of it.
    label : str
        What it is of.
    """

    name: str
    content: bytes
    label: str = ""

    @property
    def link(self) -> str:
        """The file as a ``data:`` URI.

        Examples
        --------
        >>> Download("a.csv", b"x").link
        'data:text/csv;charset=utf-8;base64,eA=='
        """
        kind = _TYPES.get(Path(self.name).suffix, "application/octet-stream")
        return f"data:{kind};base64,{base64.b64encode(self.content).decode()}"


def downloads(results: Sequence[Result]) -> list[Download]:
    r"""Return the CSV and the JSON of each result, byte for byte as :meth:`Result.save` has them.

    Where there are several results, a file's name begins with their networks'.

    Examples
    --------
    >>> import pandas as pd
    >>> [file] = downloads([Result("lesion", pd.DataFrame({"accuracy": [0.1]}))])[:1]
    >>> file.name, file.content
    ('lesion.csv', b'accuracy\n0.1\n')
    """
    names = [*_names(results)]
    return [
        Download(path.name, content, _networks(result) if len(results) > 1 else "")
        for name, result in zip(names, results, strict=True)
        for path, content in _saved(result, name)
    ]


def _names(results: Sequence[Result]) -> Iterator[str]:
    taken: set[str] = set()
    for result in results:
        name = result.name
        if len(results) > 1:
            start = re.sub(r"[^\w.+=-]+", "_", _networks(result), flags=re.ASCII)[:60].strip("._-")
            name = f"{start or 'network'}-{name}"
        number, unique = 1, name
        while unique in taken:
            number += 1
            unique = f"{name}-{number}"
        taken.add(unique)
        yield unique


def _networks(result: Result) -> str:
    if "network" not in result.frame.columns:
        return ""
    return ", ".join(dict.fromkeys(result.frame["network"].astype(str)))


def _saved(result: Result, name: str) -> Iterator[tuple[Path, bytes]]:
    with tempfile.TemporaryDirectory() as folder:
        for path in result.save_as(Path(folder) / name):
            yield path, path.read_bytes()
