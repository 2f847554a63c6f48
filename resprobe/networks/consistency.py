"""What cannot be meant together about a network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from resprobe.errors import UsageError
from resprobe.networks.options import Initialisation, Order, Shortcut, SurvivalScaling
from resprobe.networks.rules import SIZES
from resprobe.networks.shapes import keeps_shape
from resprobe.networks.zoo import Line

if TYPE_CHECKING:
    from resprobe.networks.architecture import Architecture

__all__ = ["check"]


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
        other = f"resnet{network.member.depth}:order={network.order}"
        yield f"{name} has order=full-pre; got order={network.order}, so name {other}"
    if not network.skips_blocks and network.survival_scaling is not SurvivalScaling.TEST:
        yield f"survival_scaling of {name} needs survival below 1 or blocks_per_batch; give one too"
    yield from _about_plain(network) if network.is_plain else _about_residual(network)
    yield from _about_drop(network)


def _about_drop(network: Architecture) -> Iterator[str]:
    if not network.drop:
        return
    kept = keeps_shape(network)
    for block in network.drop:
        if not 0 <= block < len(kept):
            yield (
                f"drop of {network.name} names block {block}; its blocks are 0 to {len(kept) - 1}"
            )
        elif network.is_plain and not kept[block]:
            yield (
                f"block {block} of {network.name} changes the shape and has no shortcut, so it "
                "cannot be dropped; drop others"
            )


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
        yield f"{network.name} without shortcuts is plain{network.member.depth}; name that"
    if network.survival < 1 and network.blocks_per_batch is not None:
        yield (
            f"survival and blocks_per_batch of {network.name} both say which branches a batch "
            "leaves out; give one of them"
        )
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
