"""What an option is where it is left open, and what cannot be meant."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
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
)
from resprobe.networks.zoo import Line

if TYPE_CHECKING:
    from resprobe.networks.architecture import Architecture

__all__ = [
    "ENUMS",
    "MEANT_FOR",
    "NUMBERS",
    "SIZES",
    "USUAL",
    "check",
    "check_number",
    "not_applicable",
]

SIZES = ("num_classes", "in_channels", "width")
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
        "survival_scaling": lambda _: SurvivalScaling.TEST,
        "scale": lambda network: 0.5 if network.shortcut is Shortcut.SCALED else None,
        "branch_scale": lambda network: 1.0 if network.shortcut is Shortcut.SCALED else None,
        "gate_bias": lambda network: -6.0 if _is_gated(network) else None,
        "dropout": _dropout,
    }
)
"""The value of a field that is left open, given those before it; None where it has no meaning."""

MEANT_FOR = {
    "block": "networks of blocks",
    "order": "networks of blocks",
    "layout": "bottleneck blocks",
    "scale": "shortcut=scaled",
    "branch_scale": "shortcut=scaled",
    "gate_bias": "shortcut=exclusive-gate and shortcut=shortcut-gate",
    "dropout": "shortcut=dropout and VGG",
}


def _is_gated(network: Architecture) -> bool:
    return network.shortcut is not None and network.shortcut.is_gated


def not_applicable(network: Architecture, field: str) -> UsageError:
    """Build the error for a field that was given and has no meaning in this network."""
    return UsageError(
        f"{field} is for {MEANT_FOR[field]}; {network.name} as asked for has no use for it, so "
        "leave it out"
    )


def check_number(network: Architecture, field: str) -> float:
    """Return the value of a field as a float.

    Raises
    ------
    UsageError
        If it is no number, or out of range.
    """
    value = getattr(network, field)
    wanted, holds = NUMBERS[field]
    if isinstance(value, bool) or not isinstance(value, int | float) or not holds(value):
        raise UsageError(f"{field} of {network.name} must be a number, {wanted}; got {value!r}")
    return float(value)


def check(network: Architecture) -> None:
    """Raise a UsageError for what cannot be meant together."""
    for field in SIZES:
        size = getattr(network, field)
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise UsageError(f"{field} of {network.name} must be a whole number >= 1; got {size!r}")
    complaint = next(_complaints(network), None)
    if complaint is not None:
        raise UsageError(complaint)


def _complaints(network: Architecture) -> Iterator[str]:
    name, kinds = network.name, network.member.block_kinds
    if kinds and network.block not in kinds:
        yield f"{name} is made of {kinds[0].value} blocks; got block={network.block}"
    if network.member.line is Line.PRERESNET and network.order is not Order.FULL_PRE:
        other = f"resnet{network.depth}:order={network.order}"
        yield f"{name} has order=full-pre; got order={network.order}, so name {other}"
    if network.survival == 1 and network.survival_scaling is not SurvivalScaling.TEST:
        yield f"survival_scaling of {name} needs survival below 1; give survival too"
    yield from _about_plain(network) if network.is_plain else _about_residual(network)


def _about_plain(network: Architecture) -> Iterator[str]:
    name = network.name
    if network.shortcut is not Shortcut.NONE:
        yield f"{name} has no shortcuts; got shortcut={network.shortcut}, so name a resnet"
    if network.init is not Initialisation.HE:
        yield f"init={network.init} is for residual branches; {name} has none, so leave it out"
    if network.survival < 1:
        yield f"survival is for residual branches; {name} has none, so leave it out"


def _about_residual(network: Architecture) -> Iterator[str]:
    if network.shortcut is Shortcut.NONE:
        yield f"{network.name} without shortcuts is plain{network.depth}; name that"
    orders = _ORDERS.get(network.init, tuple(Order))
    if network.order not in orders:
        wanted = " or ".join(f"order={order.value}" for order in orders)
        yield f"init={network.init} {_REASONS[network.init]}: {wanted}; got order={network.order}"


_ORDERS = {
    # behind another BN's scale of 0 stands a ReLU, which would let no gradient pass, ever
    Initialisation.ZERO_BN: (Order.ORIGINAL, Order.RELU_ONLY_PRE),
    Initialisation.SKIPINIT: tuple(order for order in Order if order is not Order.BN_AFTER),
    Initialisation.FIXUP: (Order.ORIGINAL,),
}
_REASONS = {
    Initialisation.ZERO_BN: "needs a BN that ends the branch",
    Initialisation.SKIPINIT: "has no BN to put after the sum",
    Initialisation.FIXUP: "is defined for one order",
}
