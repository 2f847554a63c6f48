"""What a sweep that is interrupted has done already, in a file."""

from __future__ import annotations

import hashlib
import json
import re
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from resprobe.files import written_atomically
from resprobe.results import plain_json
from resprobe.training.distributed.world import World

__all__ = ["Kept", "fingerprint", "forget", "network_digest", "own_file"]

EVERY_S = 10.0
"""How often a sweep is kept: a write is a matter of milliseconds."""


def fingerprint(facts: dict[str, Any]) -> str:
    """Return what differs where a sweep would add up other things.

    Examples
    --------
    >>> fingerprint({"seed": 0}) == fingerprint({"seed": 1})
    False
    """
    return hashlib.sha256(plain_json(facts).encode()).hexdigest()


def network_digest(model: nn.Module) -> str:
    """Return a SHA-256 of parameters, buffers, and how they are put together."""
    found = hashlib.sha256(repr(model).encode())
    for module in model.modules():
        if isinstance(module, fx.GraphModule):
            found.update(module.code.encode())
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        found.update(name.encode())
        found.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def own_file(path: Path, world: World) -> Path:
    """Return where a process keeps what it has done."""
    return path if world.size == 1 else path.with_name(f"{path.name}-{world.rank}of{world.size}")


def forget(path: Path, world: World) -> None:
    """Take away what a study has kept, by however many processes, once its result is saved."""
    if not world.leader or not path.parent.is_dir():
        return
    for beside in path.parent.iterdir():
        if re.fullmatch(re.escape(path.name) + r"(-\d+of\d+)?", beside.name):
            beside.unlink(missing_ok=True)


@dataclass
class Kept:
    """The sums of sweeps and how many images, or other units of work, are in them.

    Parameters
    ----------
    path : Path, optional
        A file; without one nothing is kept.
    identity : str
        The :func:`fingerprint` of the study. A file of another study is not gone on from.
    say : callable, optional
        Told whether something was found to go on from.
    unit : str
        What is counted.
    """

    path: Path | None = None
    identity: str = ""
    say: Callable[[str], None] | None = None
    unit: str = "images"
    _sums: dict[str, tuple[int, Tensor]] = field(default_factory=dict)
    _written: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        if self.path is None or not self.path.exists():
            return
        read = _read(self.path)
        if read is None or read[0] != self.identity:
            self._tell(f"{self.path.name} is of another study; beginning anew")
            return
        self._sums = read[1]
        done = sum(done for done, _ in self._sums.values())
        self._tell(f"going on from {self.path.name}, after {done:,} {self.unit}")

    def _tell(self, text: str) -> None:
        if self.say:
            self.say(text)

    def get(self, key: str) -> tuple[int, Tensor] | None:
        """Return the images done and their sums, where there are any."""
        return self._sums.get(key)

    def put(self, key: str, done: int, sums: Tensor, *, whole: bool) -> None:
        """Keep the sums of a sweep; write them down if it is whole or some time has passed."""
        if self.path is None:
            return
        self._sums[key] = done, sums
        if whole or time.monotonic() - self._written >= EVERY_S:
            self._write(self.path)
            self._written = time.monotonic()

    def _write(self, path: Path) -> None:
        keys = list(self._sums)
        notes = {"identity": self.identity, "keys": keys, "done": [self._sums[k][0] for k in keys]}
        arrays = {f"sums_{i}": self._sums[key][1].numpy() for i, key in enumerate(keys)}
        text = np.frombuffer(json.dumps(notes).encode(), dtype=np.uint8)
        with written_atomically(path) as file:
            np.savez(file, allow_pickle=False, **{"notes": text, **arrays})


def _read(path: Path) -> tuple[str, dict[str, tuple[int, Tensor]]] | None:
    """Return identity and sums; None where the file is damaged or another thing."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            notes = json.loads(bytes(file["notes"]))
            keys: Sequence[str] = notes["keys"]
            sums = {
                key: (int(done), torch.from_numpy(file[f"sums_{i}"].astype(np.float64)))
                for i, (key, done) in enumerate(zip(keys, notes["done"], strict=True))
            }
            return str(notes["identity"]), sums
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return None
