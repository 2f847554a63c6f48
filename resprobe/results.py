"""Result: a tidy frame and where it came from, saved and loaded without loss."""

from __future__ import annotations

import datetime
import hashlib
import importlib.util
import io
import json
import math
import platform
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd
from pandas.api.types import pandas_dtype

from resprobe.errors import InputError
from resprobe.files import written_atomically

__all__ = ["Result", "combined", "plain_json", "versions"]

FORMAT = 1


@dataclass(frozen=True)
class Result:
    """One row per measurement, and what was run to get them.

    Parameters
    ----------
    name : str
        The kind of result ("lesion", "gradflow"); also the name of its files.
    frame : DataFrame
        Tidy, one row per measurement, plain column names in snake_case. Fractions lie in
        [0, 1]; times end in ``_s``, sizes in ``_bytes``.
    meta : dict
        Everything needed to run it again: versions, device, seed, networks, data set,
        number of images, command line, time. Values are JSON types.

    Examples
    --------
    >>> import tempfile
    >>> result = Result("lesion", pd.DataFrame({"blocks": ["0"], "accuracy": [0.1]}), {"n": 10})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = result.save(folder)
    ...     again = Result.load(files[0])
    >>> again.frame.equals(result.frame), again.meta["n"]
    (True, 10)
    """

    name: str
    frame: pd.DataFrame
    meta: dict[str, Any] = field(default_factory=dict)

    def save(self, folder: str | Path) -> list[Path]:
        """Write ``NAME.csv`` and ``NAME.json`` (and ``NAME.parquet`` where pyarrow is installed).

        Each file is written whole or not at all; floats keep every digit.
        """
        folder = Path(folder)
        files = self.save_as(folder / self.name)
        if importlib.util.find_spec("pyarrow"):
            with written_atomically(folder / f"{self.name}.parquet") as file:
                self.frame.to_parquet(file, index=False)
            files.append(folder / f"{self.name}.parquet")
        return files

    def save_as(self, stem: str | Path) -> list[Path]:
        """Write ``STEM.csv`` and ``STEM.json``, each whole or not at all."""
        stem = Path(stem)
        table, notes = stem.with_name(f"{stem.name}.csv"), stem.with_name(f"{stem.name}.json")
        data = self.frame.to_csv(index=False, lineterminator="\n").encode()
        with written_atomically(table) as file:
            file.write(data)
        with written_atomically(notes) as file:
            file.write((plain_json(self._notes(data), indent=1) + "\n").encode())
        return [table, notes]

    def _notes(self, table: bytes) -> dict[str, Any]:
        """Return what the JSON holds: with the hash of the table that it was written for."""
        columns = {str(column): str(dtype) for column, dtype in self.frame.dtypes.items()}
        digest = hashlib.sha256(table).hexdigest()
        head = {"format": FORMAT, "sha256": digest, "name": self.name}
        return {**head, "columns": columns, "meta": self.meta}

    @classmethod
    def load(cls, path: str | Path) -> Result:
        """Read a result from its CSV or JSON file, with the types that it was saved with.

        Raises
        ------
        InputError
            If one of the two files is missing, is not a result, or the two do not fit.
        """
        path = Path(path)
        table, notes_path = path.with_suffix(".csv"), path.with_suffix(".json")
        for needed in (table, notes_path):
            if not needed.is_file():
                raise InputError(
                    f"{needed}: no such file; a result is a .csv and the .json beside it"
                )
        notes = _read_notes(notes_path)
        data = table.read_bytes()
        frame = _read_table(table, data, notes["columns"])
        if notes.get("sha256", digest := hashlib.sha256(data).hexdigest()) != digest:
            raise InputError(
                f"{table}: the table is not the one that the notes beside it were written for "
                "(edited since, or of another run); run the study again"
            )
        return cls(notes["name"], frame, notes["meta"])

    def to_json(self, **more: Any) -> str:
        """Return ``{"meta": ..., "rows": [...]}`` as text; ``more`` adds further keys."""
        return plain_json({"meta": self.meta, "rows": self.frame.to_dict("records"), **more})

    def _repr_html_(self) -> str:
        """Show the result in a notebook: its figure and its first rows."""
        import resprobe  # by the front door and only here: what draws lies above this room

        return resprobe.result_html(self)


def combined(results: Sequence[Result]) -> Result:
    """Put results of one kind, each of one network, into one result.

    What differs between them is kept with each network: where two were measured on other
    images, or normalised differently, ``meta["networks"][i]["data"]`` says how, and
    ``meta["data"]`` keeps what they have in common.

    Examples
    --------
    >>> parts = [
    ...     Result("lesion", pd.DataFrame({"network": [name]}), {"networks": [{"network": name}]})
    ...     for name in "ab"
    ... ]
    >>> combined(parts).frame["network"].tolist(), len(combined(parts).meta["networks"])
    (['a', 'b'], 2)
    """
    first = results[0]
    if any(result.name != first.name for result in results):
        raise ValueError(f"only results of one kind can be combined; got {first.name} and others")
    meta = {**first.meta, "networks": [n for r in results for n in r.meta.get("networks", [])]}
    data = [result.meta.get("data", {}) for result in results]
    if any(described != data[0] for described in data):
        meta["networks"] = [
            {**network, "data": result.meta["data"]}
            for result in results
            for network in result.meta.get("networks", [])
        ]
        meta["data"] = {
            key: value
            for key, value in data[0].items()
            if all(described.get(key) == value for described in data)
        }
    frame = pd.concat([result.frame for result in results], ignore_index=True)
    return Result(first.name, frame, meta)


def _read_notes(path: Path) -> dict[str, Any]:
    """Read the JSON of a result, each of its parts of the type that it must have."""
    try:
        notes = json.loads(path.read_text(encoding="utf-8"))
        found, columns = notes["format"], notes["columns"]
        parts = {"name": str, "columns": dict, "meta": dict}
        odd = [key for key, kind in parts.items() if not isinstance(notes[key], kind)]
        odd += ["columns"] * (not all(isinstance(dtype, str) for dtype in dict(columns).values()))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: not the notes of a result ({error})") from error
    if found != FORMAT:
        raise InputError(f"{path}: result format {found}; this version reads format {FORMAT}")
    if odd:
        raise InputError(f"{path}: not the notes of a result ('{odd[0]}' is of another type)")
    return dict(notes)


def _read_table(path: Path, data: bytes, columns: dict[str, str]) -> pd.DataFrame:
    try:
        text = pd.read_csv(io.BytesIO(data), dtype=str, keep_default_na=False)
    except (ValueError, pd.errors.ParserError) as error:
        raise InputError(f"{path}: not a table of a result ({error})") from error
    if list(text.columns) != list(columns):
        raise InputError(f"{path}: its columns differ from those that the .json beside it lists")
    try:
        return pd.DataFrame({name: _typed(text[name], dtype) for name, dtype in columns.items()})
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise InputError(
            f"{path}: its values do not fit the types in the .json beside it ({error})"
        ) from error


def _typed(column: pd.Series, dtype: str) -> pd.Series:
    """Turn a column of text into its type; text to float this way keeps every digit."""
    if dtype == "bool":
        return column.map({"True": True, "False": False}.__getitem__).astype(bool)
    if dtype.startswith("float"):
        column = column.replace("", "nan")
    return column.astype(pandas_dtype(dtype))


def plain_json(value: Any, *, indent: int | None = None) -> str:
    """Serialise to standard JSON: no NaN or Infinity (they become null), paths as text."""
    return json.dumps(_plain(value), indent=indent, allow_nan=False, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):  # a numpy scalar
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def versions() -> dict[str, Any]:
    """Return what every result and checkpoint says about the software that made it."""
    return {
        "resprobe": _version("resprobe"),
        "torch": _version("torch"),
        "python": platform.python_version(),
        "command": _command(),
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _command() -> str:
    """Return the command line as a user would type it; "" where there is none."""
    if not sys.argv or not sys.argv[0]:
        return ""
    program = Path(sys.argv[0])
    start = ["python", "-m", "resprobe"] if program.name == "__main__.py" else [program.name]
    return shlex.join([*start, *sys.argv[1:]])


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
