"""What the parts of a measurement belong to: the options and networks that they were taken with.

Parts let a run go on where it stopped. They are of use only to the same question, so the folder
says which one that was, and a run with other options stops instead of mixing two.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from resprobe.errors import InputError
from resprobe.files import prepare_folder, sha256_of, write_atomically

__all__ = ["remember"]

ELSEWHERE = {
    "out", "parts", "networks", "found", "redraw", "smoke", "threads", "device", "ckpt",
    "only_ckpt", "data_root", "runs", "collect",
}  # fmt: skip
"""Options that change where work is done or kept, and not what is measured."""


def remember(asked: argparse.Namespace, varying: Iterable[str]) -> Path:
    """Note in ``asked.parts`` what they are taken with, or check that it is the same.

    Parameters
    ----------
    asked : Namespace
        The options of a script; checkpoints that they name are told apart by their SHA-256.
    varying : iterable of str
        Options that may differ from one run to the next, since each part says its own.

    Raises
    ------
    InputError
        If the folder has parts of other options, or of another network of the same name.
    """
    file = asked.parts / "asked.json"
    options = {
        name: str(value)
        for name, value in sorted(vars(asked).items())
        if name not in ELSEWHERE | set(varying)
    }
    networks = {path.stem: sha256_of(path) for path in getattr(asked, "ckpt", []) if path.is_file()}
    before = _read(file)
    for name, value in options.items():
        _compare(asked.parts, f"--{name.replace('_', '-')}", before["options"].get(name), value)
    for name, sum_ in networks.items():
        _compare(asked.parts, f"the weights of {name},", before["networks"].get(name), sum_)
    told = {"options": options, "networks": {**before["networks"], **networks}}
    prepare_folder(asked.parts)
    return write_atomically(file, json.dumps(told, indent=1) + "\n")


def _read(file: Path) -> dict[str, dict[str, Any]]:
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        return {"options": dict(told["options"]), "networks": dict(told["networks"])}
    except FileNotFoundError:
        return {"options": {}, "networks": {}}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file}: cannot be read ({error}); remove the folder it is in") from error


def _compare(folder: Path, what: str, before: str | None, now: str) -> None:
    if before not in (None, now):
        raise InputError(
            f"{folder}: what is kept there was measured with {what} {before}, and not {now}; "
            "choose another --out, or remove the folder"
        )
