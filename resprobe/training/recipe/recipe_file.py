"""Recipes as TOML: the text of a file to plain values, and back."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resprobe.errors import InputError

__all__ = ["LIMIT", "read_table", "written"]

LIMIT = 65_536
"""Bytes: a recipe is a page of text, and whatever is longer is something else."""


def read_table(path: Path) -> dict[str, Any]:
    """Return the keys and values of a TOML file.

    Raises
    ------
    InputError
        If there is no such file, it is too big, or no TOML in UTF-8; with the line.
    """
    try:
        return tomllib.loads(_bytes(path).decode())
    except OSError as error:
        raise InputError(
            f"{path}: the recipe cannot be read ({error.strerror}); name a .toml file"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: not text in UTF-8 (byte {error.start}); a recipe is a TOML file"
        ) from error
    except ValueError as error:
        reason = str(error).partition(";")[0]  # Python's advice on very long integers is not ours
        raise InputError(f"{path}: not TOML: {reason}") from error
    except RecursionError as error:
        raise InputError(f"{path}: not a recipe: its values are nested too deeply") from error


def _bytes(path: Path) -> bytes:
    if path.exists() and not path.is_file():  # a pipe would never end
        raise InputError(f"{path}: not a file; name a .toml file")
    with path.open("rb") as file:
        content = file.read(LIMIT + 1)
    if len(content) > LIMIT:
        raise InputError(f"{path}: larger than {LIMIT:,} bytes, so not a recipe; name a .toml file")
    return content


def written(values: Mapping[str, Any]) -> str:
    """Return plain values as TOML, one key a line; None is written as the text none.

    Examples
    --------
    >>> print(written({"name": "mine", "ramp": 0, "milestones": [1, 2], "flip": True}), end="")
    name = "mine"
    ramp = 0
    milestones = [1, 2]
    flip = true
    """
    return "".join(f"{key} = {_value(value)}\n" for key, value in values.items())


def _value(value: object) -> str:
    # JSON's texts, booleans, lists and finite numbers are TOML's
    return json.dumps("none" if value is None else value, ensure_ascii=False)
