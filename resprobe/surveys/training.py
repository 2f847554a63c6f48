"""How a network was trained: the recipe in its checkpoint, and the log beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from resprobe.checkpoints import Checkpoint
from resprobe.errors import ResprobeError
from resprobe.results import Result

__all__ = ["TRAINING", "Told", "training_of"]

TRAINING = ("recipe", "train")
"""The kinds of results that say how a network was trained."""


@dataclass(frozen=True)
class Told:
    """What is known of a training, and the row of the survey that says so."""

    results: Sequence[Result]
    row: dict[str, Any]


def training_of(checkpoint: Checkpoint | None, network: str, meta: dict[str, Any]) -> Told:
    """Return the recipe and the log of the training that made a checkpoint, where known.

    The log is the result "train" beside the file, ``r56.csv`` beside ``r56.pt``, where it says
    that it is of these weights.
    """
    recipe = [] if checkpoint is None else _recipe(checkpoint, network, meta)
    log, reason = _log(checkpoint, network)
    results = [*recipe, *([log] if log else [])]
    row = {
        "network": network,
        "study": "train",
        "done": log is not None,
        "n": _images_of(log),
        "results": " ".join(result.name for result in results),
        "reason": reason,
    }
    return Told(results, row)


def _recipe(checkpoint: Checkpoint, network: str, meta: dict[str, Any]) -> list[Result]:
    settings = {"data": checkpoint.data, "epoch": checkpoint.epoch, **checkpoint.recipe}
    rows = [
        {"network": network, "setting": name.replace("_", " "), "value": _written(value)}
        for name, value in settings.items()
        if value is not None and value != []
    ]
    return [Result("recipe", pd.DataFrame(rows), meta)] if checkpoint.recipe else []


def _written(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _log(checkpoint: Checkpoint | None, network: str) -> tuple[Result | None, str]:
    """Return the log and "", or nothing and the reason."""
    if checkpoint is None:
        return None, "no checkpoint of ours says how it was trained"
    path = checkpoint.path.with_suffix(".csv")
    if not (path.is_file() and path.with_suffix(".json").is_file()):
        return None, f"there is no log of its training ({path.name}) beside {checkpoint.path.name}"
    try:
        log = Result.load(path)
    except ResprobeError as error:
        return None, f"the log beside it cannot be read: {error}"
    networks = log.meta.get("networks")
    entries = [e for e in networks if isinstance(e, dict)] if isinstance(networks, list) else []
    if log.name != "train" or checkpoint.sha256 not in [
        entry.get("checkpoint_sha256") for entry in entries
    ]:
        return None, f"{path.name} beside it is not the log of these weights"
    frame = log.frame.assign(network=network)
    named = [{**entry, "network": network} for entry in entries]
    return Result("train", frame, {**log.meta, "networks": named}), ""


def _images_of(log: Result | None) -> int:
    if log is None or log.frame.empty or "train_n" not in log.frame:
        return 0
    return int(log.frame["train_n"].iloc[-1])
