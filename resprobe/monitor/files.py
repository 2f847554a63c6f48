"""CSV and JSONL files that grow by whole rows, and go on where a resumed run goes on."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from resprobe.errors import InputError, ResprobeError, UsageError
from resprobe.files import prepare_folder, write_atomically
from resprobe.monitor.rows import COLUMNS, Row
from resprobe.results import plain_json

__all__ = ["RowFile"]


@dataclass(frozen=True)
class Layout:
    """How rows are written as lines, and read again."""

    header: str
    line: Callable[[Row], str]
    read: Callable[[str], Row]


def _csv_line(values: Sequence[object]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()


def _csv_row(row: Row) -> str:
    # repr keeps every digit; NaN is an empty field, as in every other table
    return _csv_line(["" if row[name] != row[name] else row[name] for name in COLUMNS])


def _from_csv(line: str) -> Row:
    values = dict(zip(COLUMNS, next(csv.reader([line])), strict=True))
    return {name: _typed(value, COLUMNS[name]) for name, value in values.items()}


def _typed(value: str, kind: str) -> int | float | bool | str:
    match kind:
        case "int64":
            return int(value)
        case "bool":
            return {"True": True, "False": False}[value]
        case "float64":
            return float(value or "nan")
    return value


def _from_json(line: str) -> Row:
    row = json.loads(line)
    return {name: float("nan") if row[name] is None else row[name] for name in COLUMNS}


LAYOUTS = {
    ".csv": Layout(_csv_line(list(COLUMNS)), _csv_row, _from_csv),
    ".jsonl": Layout("", lambda row: plain_json(row) + "\n", _from_json),
}


class RowFile:
    """A file that rows are appended to, step by step.

    The rows of a step are given to the system in one piece, unbuffered: a run that is killed
    leaves whole rows.

    Parameters
    ----------
    path : str or Path
        Ending in ``.csv`` (NaN is an empty field) or ``.jsonl`` (what is not finite is null).
    resume_from : int, optional
        Steps that a resumed run has behind it: the rows of later ones are dropped, and so is a
        last line that is not whole. By default the file must not be there.

    Raises
    ------
    UsageError
        If the suffix is another one, or the file is there and no run is resumed.
    InputError
        If the file that is to go on holds something else.
    ResprobeError
        If it cannot be written.
    """

    def __init__(self, path: str | Path, *, resume_from: int | None = None) -> None:
        self.path = Path(path)
        if self.path.suffix not in LAYOUTS:
            raise UsageError(f"{path}: a name ending in .csv or .jsonl is wanted for what is seen")
        self._layout = LAYOUTS[self.path.suffix]
        prepare_folder(self.path.parent)
        if self.path.exists() and resume_from is None:
            raise UsageError(
                f"{path}: there already; choose another name, or resume_from=STEP to go on with it"
            )
        if self.path.exists():
            kept = [line for line, row in self._lines() if int(row["step"]) <= (resume_from or 0)]
            write_atomically(self.path, self._layout.header + "".join(kept))
        try:
            self._file = self.path.open("ab", buffering=0)
        except OSError as error:
            raise ResprobeError(f"{path}: cannot be written ({error.strerror})") from error
        if not self.path.stat().st_size:
            self._append(self._layout.header)

    def write(self, rows: Sequence[Row]) -> None:
        """Append the rows of one step.

        Raises
        ------
        ResprobeError
            If the disk is full, say; the file then ends where it ended before.
        """
        self._append("".join(self._layout.line(row) for row in rows))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def frame(self) -> pd.DataFrame:
        """Return all rows that are in the file."""
        rows = [row for _, row in self._lines()]
        return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)

    def _append(self, text: str) -> None:
        data, end = text.encode(), self.path.stat().st_size
        try:
            while data:
                data = data[self._file.write(data) or 0 :]
        except OSError as error:
            os.truncate(self.path, end)
            raise ResprobeError(
                f"{self.path}: writing failed ({error.strerror}); make room, and resume the run"
            ) from error

    def _lines(self) -> list[tuple[str, Row]]:
        text = self.path.read_text(encoding="utf-8")
        lines = text.splitlines(keepends=True)
        if lines and not lines[-1].endswith("\n"):
            lines.pop()  # the last words of a run that was killed
        if self._layout.header and lines and lines.pop(0) != self._layout.header:
            raise InputError(f"{self.path}: its columns are not those of a watch; name another")
        try:
            return [(line, self._layout.read(line)) for line in lines]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{self.path}: not a table of a watch ({error})") from error
