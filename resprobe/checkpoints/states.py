"""From the content of a file to the entries among which the weights are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from resprobe.checkpoints.prefixes import stripped
from resprobe.checkpoints.wording import printable
from resprobe.errors import InputError

__all__ = ["Found", "check_finite", "check_tensor", "find_state"]

CONTAINERS = ("state_dict_ema", "model_ema", "state_dict", "model")
"""Where training programs keep the weights, averaged ones first, in timm's order."""

ARCHITECTURE_NAMES = ("architecture", "arch", "model_name")
"""Where they, and the metadata of safetensors, say what network it is."""


PLAIN_NUMBERS = frozenset(
    {
        *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.bool),
        *(torch.int64, torch.int32, torch.int16, torch.int8),
        *(torch.uint64, torch.uint32, torch.uint16, torch.uint8),
    }
)
"""The dtypes that torch can compare, convert and check for NaN."""


@dataclass(frozen=True)
class Found:
    """The entries among which the weights are, with what else the file says.

    Parameters
    ----------
    entries : dict
        By dotted names, the wrappers' prefixes gone. Whatever is a weight is a tensor; which
        entries are, only a network can tell.
    figures : dict
        The plain values beside the weights.
    hint : str or None
        What the file calls its network: a claim, to be checked against the weights.
    notes : tuple of str
        What was chosen and changed, one line each.
    """

    entries: dict[str, Any]
    figures: dict[str, float | int | str]
    hint: str | None
    notes: tuple[str, ...]


def find_state(content: Any, metadata: Mapping[str, str], path: Path) -> Found:
    """Find the weights in what a file holds, and strip the prefixes of wrappers.

    They lie under one of the usual containers, at the top, or in mappings at the top, whose
    names then become the first part of the names inside.

    Parameters
    ----------
    content : object
        What the file holds.
    metadata : mapping
        The texts in the header of a safetensors file; empty for others.
    path : Path
        The file, for messages.

    Raises
    ------
    InputError
        If there is no state dict, or two of its names become one.
    """
    if not isinstance(content, Mapping):
        raise InputError(f"{path}: holds a {type(content).__name__}; wanted a state dict")
    container = next((key for key in CONTAINERS if _has_weights(content.get(key))), None)
    held = content[container] if container is not None else _weights_at_the_top(content, path)
    entries = {key: value for key, value in held.items() if _may_be_weight(key, value, path)}
    plain, removed = stripped(entries, path)
    notes = []
    if container in ("state_dict_ema", "model_ema"):
        notes.append(f"took the averaged weights ({container})")
    if removed:
        notes.append(f"took {' and '.join(removed)} out of the names, which wrappers put there")
    values = {} if held is content else content
    figures = _plain_values({**values, **metadata})
    return Found(plain, figures, _hint(content, metadata), tuple(notes))


def _has_weights(value: Any) -> bool:
    return isinstance(value, Mapping) and any(isinstance(v, Tensor) for v in value.values())


def _weights_at_the_top(content: Mapping[Any, Any], path: Path) -> Mapping[Any, Any]:
    if _has_weights(content):
        return content
    inside = {
        f"{key}.{name}": value
        for key, held in content.items()
        if _has_weights(held)
        for name, value in held.items()
    }
    if not inside:
        raise InputError(
            f"{path}: holds no weights; wanted a plain state dict, or one under "
            f"{', '.join(CONTAINERS)}"
        )
    return inside


def _may_be_weight(key: Any, value: Any, path: Path) -> bool:
    """Tell a weight from a plain value beside the weights, such as the epoch."""
    if not isinstance(key, str):
        raise InputError(
            f"{path}: holds the key {printable(repr(key))}; the keys of a state dict are names"
        )
    return isinstance(value, Tensor) or "." in key


def _hint(content: Mapping[Any, Any], metadata: Mapping[str, str]) -> str | None:
    """Return what the file calls its network, in its metadata, at its top or by Lightning."""
    said = [metadata, content, content.get("hyper_parameters")]
    names = (
        place.get(key) for place in said if isinstance(place, Mapping) for key in ARCHITECTURE_NAMES
    )
    return next((name for name in names if isinstance(name, str)), None)


def _plain_values(content: Mapping[Any, Any]) -> dict[str, float | int | str]:
    return {
        str(key): value for key, value in content.items() if type(value) in (float, int, str, bool)
    }


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
    if value.dtype not in PLAIN_NUMBERS or value.device.type != "cpu":
        raise InputError(
            f"{path}: '{name}' is quantised, complex, of 8-bit floats or without values; wanted "
            "plain numbers"
        )


def check_finite(state: Mapping[str, Tensor], path: Path) -> None:
    """Raise InputError naming the first entry that holds NaN or an infinity."""
    for key, value in state.items():
        if not torch.isfinite(value).all():
            raise InputError(
                f"{path}: '{key}' holds NaN or infinite values; the training that wrote it "
                "diverged, so take an earlier checkpoint"
            )
