"""From the content of a foreign file to its weights under plain names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from resprobe.errors import InputError

__all__ = ["Found", "check_finite", "check_tensor", "find_state", "printable", "stripped"]

CONTAINERS = ("state_dict_ema", "model_ema", "state_dict", "model")
"""Where training programs keep the weights, averaged ones first, in timm's order."""

PREFIXES = ("module.", "_orig_mod.")
"""What DataParallel and torch.compile put before every name."""

AVERAGING_COUNT = "n_averaged"
"""The counter that torch's AveragedModel keeps among the weights."""


def printable(text: str) -> str:
    """Return text from a file with control characters escaped, fit for a message."""
    return text if text.isprintable() else ascii(text)[1:-1]


@dataclass(frozen=True)
class Found:
    """The weights in a file, its other plain values, and what is worth saying about both."""

    state: dict[str, Tensor]
    figures: dict[str, float | int | str]
    notes: tuple[str, ...]


def find_state(content: Any, path: Path) -> Found:
    """Find the weights in what a file holds, check each tensor, and strip prefixes.

    Raises
    ------
    InputError
        If there is no state dict, or it holds anything but dense tensors.
    """
    if not isinstance(content, Mapping):
        raise InputError(f"{path}: holds a {type(content).__name__}; wanted a state dict")
    container = next((key for key in CONTAINERS if isinstance(content.get(key), Mapping)), None)
    state = dict(content if container is None else content[container])
    notes = []
    if container in ("state_dict_ema", "model_ema"):
        notes.append(f"took the averaged weights ({container})")
    if state.pop(AVERAGING_COUNT, None) is not None:
        notes.append(f"left out {AVERAGING_COUNT}, a counter of averaged models")
    for key, value in state.items():
        check_tensor(key, value, path)
    if not state:
        raise InputError(f"{path}: holds no weights")
    figures = {} if container is None else _plain_values(content)
    return Found(stripped(state, path), figures, tuple(notes))


def _plain_values(content: Mapping[Any, Any]) -> dict[str, float | int | str]:
    return {
        str(key): value for key, value in content.items() if type(value) in (float, int, str, bool)
    }


def stripped(state: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Return the state with ``module.`` and ``_orig_mod.`` gone from the front of its keys.

    Raises
    ------
    InputError
        If two keys become one.
    """
    plain: dict[str, Tensor] = {}
    for key, value in state.items():
        name = key
        while name.startswith(PREFIXES):
            name = name.partition(".")[2]
        if name in plain:
            raise InputError(
                f"{path}: two entries of the state dict are both called '{printable(name)}'"
            )
        plain[name] = value
    return plain


def check_tensor(key: Any, value: Any, path: Path) -> None:
    """Raise InputError unless the entry of a state dict is a dense tensor of plain numbers."""
    if not isinstance(key, str):
        raise InputError(
            f"{path}: holds the key {printable(repr(key))}; the keys of a state dict are names"
        )
    name = printable(key)
    if not isinstance(value, Tensor):
        raise InputError(
            f"{path}: '{name}' holds a {type(value).__name__}, not a tensor; wanted a plain state "
            f"dict, or one under {', '.join(CONTAINERS)}"
        )
    if value.is_nested or value.layout is not torch.strided:
        raise InputError(f"{path}: '{name}' is sparse or nested; wanted a dense tensor")
    if value.is_quantized or value.is_complex() or value.device.type != "cpu":
        raise InputError(
            f"{path}: '{name}' is quantised, complex or without values; wanted plain numbers"
        )


def check_finite(state: Mapping[str, Tensor], path: Path) -> None:
    """Raise InputError naming the first entry that holds NaN or an infinity."""
    for key, value in state.items():
        if not torch.isfinite(value).all():
            raise InputError(
                f"{path}: '{key}' holds NaN or infinite values; the training that wrote it "
                "diverged, so take an earlier checkpoint"
            )
