"""The tables that benchmarks fill: columns, the machine that they come from, saving, printing."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from resprobe.results import Result

__all__ = ["COLUMNS", "Tables", "machine"]

_BESIDE = (
    "work", "network", "against", "images", "ours_s", "theirs_s", "ratio", "ratio_low",
    "ratio_high", "rounds", "agreement", "note",
)  # fmt: skip
COLUMNS = {
    "peers": _BESIDE,
    "training": _BESIDE,
    "growth": (
        "probe", "axis", "size", "images", "seconds", "collector_s", "evaluations",
    ),
    "exponents": (
        "probe", "axis", "exponent", "low", "high", "law", "law_exponent", "last_exponent",
        "last_bound",
    ),
    "memory": (
        "command", "peak_bytes", "estimate_bytes", "images", "seconds", "bound_bytes",
    ),
}  # fmt: skip
"""Of each table, in ``results/NAME.csv``. Times are in seconds, sizes in bytes."""

WALL = {
    "training": {"clock": "seconds on the wall"},
    "memory": {"clock": "seconds on the wall", "threads": os.cpu_count()},
}
"""What is said of tables whose times are not CPU seconds of one thread."""

PEERS = ("torchlens", "captum", "torch_cka", "fvcore")


class Tables:
    """Rows as they come, table by table."""

    def __init__(self) -> None:
        self._rows: dict[str, list[dict[str, Any]]] = {name: [] for name in COLUMNS}
        self._said: dict[str, dict[str, Any]] = {name: {} for name in COLUMNS}

    def add(self, table: str, **row: Any) -> None:
        """Add a row; columns that it lacks are NaN, or empty where they are words."""
        unknown = row.keys() - set(COLUMNS[table])
        assert not unknown, unknown
        if "note" in COLUMNS[table]:
            row.setdefault("note", "")
        self._rows[table].append(row)

    def say(self, table: str, **facts: Any) -> None:
        """Say more of a table than the machine that it comes from."""
        self._said[table] |= facts

    def frames(self) -> dict[str, pd.DataFrame]:
        """Return the tables that have rows."""
        return {
            name: pd.DataFrame(rows, columns=list(COLUMNS[name]))
            for name, rows in self._rows.items()
            if rows
        }

    def save(self, folder: Path) -> list[Path]:
        """Write ``NAME.csv`` and ``NAME.json`` of every table that has rows."""
        meta = machine()
        files = []
        for name, frame in self.frames().items():
            files += Result(name, frame, meta | WALL.get(name, {}) | self._said[name]).save(folder)
        return files


def machine() -> dict[str, Any]:
    """Return what the numbers depend on: processor, cores, threads, versions, date."""
    packages = ("resprobe", "torch", "torchvision", "numpy", *PEERS)
    return {
        "cpu": _processor(),
        "cores": os.cpu_count(),
        "threads": 1,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in packages},
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "clock": "CPU seconds of the process",
    }


def _processor() -> str:
    """Return the processor's name, with family and model where the name says little."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    facts: Mapping[str, str] = {
        key.strip(): value.strip()
        for key, found, value in (line.partition(":") for line in reversed(lines))
        if found
    }
    name = facts.get("model name", "unknown")
    return f"{name}, family {facts.get('cpu family', '?')}, model {facts.get('model', '?')}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
