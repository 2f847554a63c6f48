"""What an option is where it is left open, and what it may be."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from resprobe.errors import UsageError
from resprobe.networks.options import (
    BlockKind,
    Family,
    Initialisation,
    Layout,
    Order,
    Shortcut,
    SurvivalScaling,
    chosen,
)
from resprobe.networks.shapes import keeps_shape
from resprobe.networks.zoo import Line

if TYPE_CHECKING:
    from resprobe.networks.architecture import Architecture

__all__ = [
    "ENUMS",
    "EXAMPLE",
    "MEANT_FOR",
    "NUMBERS",
    "SIZES",
    "USUAL",
    "WHOLE",
    "has_meaning",
    "not_applicable",
    "taken",
]

SIZES = ("num_classes", "in_channels", "width")
WHOLE = ("width", "blocks_per_batch")
"""Options that are whole numbers."""
ENUMS: Mapping[str, type[StrEnum]] = MappingProxyType(
    {
        "block": BlockKind,
        "shortcut": Shortcut,
        "order": Order,
        "layout": Layout,
        "init": Initialisation,
        "survival_scaling": SurvivalScaling,
    }
)
NUMBERS: Mapping[str, tuple[str, Callable[[float], bool]]] = MappingProxyType(
    {
        "survival": ("above 0 and at most 1", lambda value: 0 < value <= 1),
        "scale": ("finite", math.isfinite),
        "branch_scale": ("finite", math.isfinite),
        "gate_bias": ("finite", math.isfinite),
        "dropout": ("at least 0 and below 1", lambda value: 0 <= value < 1),
    }
)


def _block(network: Architecture) -> BlockKind | None:
    return next(iter(network.member.block_kinds), None)


def _shortcut(network: Architecture) -> Shortcut:
    if network.is_plain:
        return Shortcut.NONE
    deep = network.block is BlockKind.BOTTLENECK or network.family is Family.IMAGENET
    return Shortcut.B if deep else Shortcut.A


def _order(network: Architecture) -> Order | None:
    if network.member.line is Line.VGG:
        return None
    return Order.FULL_PRE if network.member.line is Line.PRERESNET else Order.ORIGINAL


def _layout(network: Architecture) -> Layout | None:
    if network.block is not BlockKind.BOTTLENECK:
        return None
    return Layout.V1_5 if network.family is Family.IMAGENET else Layout.PAPER


def _width(network: Architecture) -> int:
    vgg = network.member.line is Line.VGG
    return 64 if vgg or network.family is Family.IMAGENET else 16


def _dropout(network: Architecture) -> float | None:
    if network.member.line is Line.VGG:
        return 0.0
    return 0.5 if network.shortcut is Shortcut.DROPOUT else None


USUAL: Mapping[str, Callable[[Architecture], Any]] = MappingProxyType(
    {
        "num_classes": lambda network: 1000 if network.family is Family.IMAGENET else 10,
        "width": _width,
        "block": _block,
        "shortcut": _shortcut,
        "order": _order,
        "layout": _layout,
        "init": lambda _: Initialisation.HE,
        "survival": lambda _: 1.0,
        "blocks_per_batch": lambda _: None,
        "survival_scaling": lambda _: SurvivalScaling.TEST,
        "scale": lambda network: 0.5 if network.shortcut is Shortcut.SCALED else None,
        "branch_scale": lambda network: 1.0 if network.shortcut is Shortcut.SCALED else None,
        "gate_bias": lambda network: -6.0 if _is_gated(network) else None,
        "dropout": _dropout,
        "drop": lambda _: (),
    }
)
"""The value of a field that is left open, given those before it; None where it has no meaning.

But for ``blocks_per_batch``, of which None means all.
"""

MEANT_FOR = {
    "block": "networks of blocks",
    "order": "networks of blocks",
    "layout": "bottleneck blocks",
    "blocks_per_batch": "residual networks",
    "scale": "shortcut=scaled",
    "branch_scale": "shortcut=scaled",
    "gate_bias": "shortcut=exclusive-gate and shortcut=shortcut-gate",
    "dropout": "shortcut=dropout and VGG",
}


def _is_gated(network: Architecture) -> bool:
    return network.shortcut is not None and network.shortcut.is_gated


def has_meaning(network: Architecture, field: str) -> bool:
    """Tell whether a field is of any use in this network."""
    if field == "blocks_per_batch":
        return not network.is_plain
    return USUAL[field](network) is not None


def not_applicable(network: Architecture, field: str) -> UsageError:
    """Build the error for a field that was given and has no meaning in this network."""
    return UsageError(
        f"{field} is for {MEANT_FOR[field]}; {network.name} as asked for has no use for it, so "
        "leave it out"
    )


def taken(network: Architecture, field: str) -> Any:
    """Return the value of a field that was given, in the type that it is kept in.

    Raises
    ------
    UsageError
        If it is of another type, or out of its range.
    """
    if field in ENUMS:
        return chosen(ENUMS[field], getattr(network, field), what=field)
    if field in NUMBERS:
        return _number(network, field)
    if field == "drop":
        return _drop(network)
    return _blocks_per_batch(network) if field == "blocks_per_batch" else getattr(network, field)


def _number(network: Architecture, field: str) -> float:
    value = getattr(network, field)
    wanted, holds = NUMBERS[field]
    if isinstance(value, bool) or not isinstance(value, int | float) or not holds(value):
        raise UsageError(f"{field} of {network.name} must be a number, {wanted}; got {value!r}")
    return float(value)


EXAMPLE = "drop=3+7"
"""How blocks to drop are written."""


def _blocks_per_batch(network: Architecture) -> int | None:
    given, blocks = network.blocks_per_batch, len(keeps_shape(network))
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= blocks:
        raise UsageError(
            f"blocks_per_batch of {network.name} must be a whole number from 1 to {blocks}, which "
            f"are all its blocks; got {given!r}"
        )
    return given if given < blocks else None


def _drop(network: Architecture) -> tuple[int, ...]:
    """Return the numbers of the blocks to drop, in order."""
    given = network.drop
    numbers = list(given) if isinstance(given, list | tuple) else [given]
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, int):
            raise UsageError(
                f"drop of {network.name} must be block numbers, such as {EXAMPLE}; got {given!r}"
            )
        if numbers.count(number) > 1:
            raise UsageError(f"drop of {network.name} names block {number} twice; name it once")
    return tuple(sorted(numbers))
