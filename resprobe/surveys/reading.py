"""A survey's folder on disk: its index, and all results that are in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from resprobe.errors import InputError
from resprobe.results import Result, combined, versions

__all__ = ["begin_index", "read_results", "write_index"]

INDEX = "survey"


def write_index(folder: str | Path, surveys: Sequence[Sequence[Result]]) -> Result:
    """Write which networks a folder is of, in order, and what was made of each; return it."""
    index = combined([result for found in surveys for result in found if result.name == INDEX])
    index.save_as(Path(folder) / INDEX)
    return index


def begin_index(folder: str | Path, networks: Sequence[str]) -> Result:
    """Write which networks a folder will be of, for one that is interrupted; return it."""
    reason = "the report was interrupted; the same command goes on with it"
    rows = [
        {"network": network, "study": "survey", "done": False, "n": 0, "results": "",
         "reason": reason}
        for network in networks
    ]  # fmt: skip
    index = Result(INDEX, pd.DataFrame(rows), versions())
    index.save_as(Path(folder) / INDEX)
    return index


def read_results(
    folder: str | Path, *, say: Callable[[str], None] = lambda _: None
) -> list[Result]:
    """Read every result in a folder and in those below it.

    Parameters
    ----------
    folder : str or Path
        Of a survey, or any with results as CSV and JSON.
    say : callable
        Told what is there and left out: results of networks that the folder's index does not
        name.

    Returns
    -------
    list of Result
        In the order of the index where there is one, else of the files' names.

    Raises
    ------
    InputError
        If the folder is not there, holds no result, or one that cannot be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; name one that holds results")
    files = sorted(p for p in folder.rglob("*.json") if p.with_suffix(".csv").is_file())
    found = {path: Result.load(path) for path in files}
    if not found:
        raise InputError(f"{folder}: holds no result, which is a .csv and the .json beside it")
    index = found.get(folder / f"{INDEX}.json")
    if index is None or index.name != INDEX:
        return list(found.values())
    order = [str(network) for network in index.frame["network"].unique()]
    chosen: dict[str, list[Result]] = {network: [] for network in order}
    for path, result in found.items():
        names = {str(n) for n in result.frame["network"]} if "network" in result.frame else set()
        if result is index:
            continue
        if len(names) == 1 and names <= set(order):
            chosen[names.pop()].append(result)
        else:
            say(f"{path}: of a network that {folder / INDEX}.csv does not name; left out")
    return [*(result for network in order for result in chosen[network]), index]
