"""Which networks the names in a state dict can belong to."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import product

from resprobe.checkpoints.building import blank_state
from resprobe.errors import UsageError
from resprobe.networks import Architecture, BlockKind, Initialisation, Order, Shortcut, names

__all__ = ["anchors", "candidates", "stage_sizes"]

_SAMPLES = ("resnet20", "vgg15")
"""One network of each kind of naming: stages of blocks, and one list of layers."""


def anchors() -> list[list[str]]:
    """Return, for each kind of network, the names that tell where it lies in a file."""
    return [list(blank_state(Architecture(name))) for name in _SAMPLES]


def candidates(found: Collection[str]) -> Iterator[Architecture]:
    """Yield the networks that a state dict with these names can be of, the usual ones first.

    The number of blocks and of their convolutions give the depth; whether there are
    projections, gates, norms and a norm behind the last block leaves few options. Sizes are
    the usual ones. Of networks whose names and shapes are all the same (residual and plain,
    ...) only the usual one is among them.

    Parameters
    ----------
    found : collection of str
        Names as torchvision has them, without prefixes.

    Examples
    --------
    >>> from resprobe.networks import Architecture
    >>> state = Architecture("resnet50").build(device="meta").state_dict()
    >>> [candidate.spec for candidate in candidates(state)]
    ['resnet50', 'resnet50:shortcut=C']
    """
    stages = stage_sizes(found)
    if not stages:
        yield from (Architecture(name) for name in names() if name.startswith("vgg"))
        return
    kind = BlockKind.BOTTLENECK if _in_blocks("conv3", found) else BlockKind.BASIC
    depth = kind.convolutions * sum(stages) + 2
    line = "preresnet" if any(name.startswith("bn.") for name in found) else "resnet"
    for init, shortcut, order in product(_inits(found), _shortcuts(found), _orders(line, found)):
        try:
            yield Architecture(
                f"{line}{depth}", block=kind, shortcut=shortcut, order=order, init=init
            )
        except UsageError:  # there is no such network
            continue


def stage_sizes(found: Collection[str]) -> tuple[int, ...]:
    """Return how many blocks each stage holds, ``layer1`` first.

    Examples
    --------
    >>> stage_sizes(["conv1.weight", "layer1.0.conv1.weight", "layer2.0.conv1.weight"])
    (1, 1)
    """
    blocks: dict[str, set[str]] = {}
    for name in found:
        stage, _, rest = name.partition(".")
        if stage.startswith("layer") and stage[5:].isdecimal():
            blocks.setdefault(stage, set()).add(rest.partition(".")[0])
    return tuple(len(held) for _, held in sorted(blocks.items(), key=lambda item: int(item[0][5:])))


def _in_blocks(module: str, found: Collection[str]) -> bool:
    """Tell whether any block has a module of this name, of whatever number."""
    return any(
        name.startswith("layer") and part.startswith(module)
        for name in found
        for part in name.split(".")[2:3]
    )


def _inits(found: Collection[str]) -> tuple[Initialisation, ...]:
    if _in_blocks("bn", found):
        return (Initialisation.HE,)
    return (Initialisation.SKIPINIT, Initialisation.FIXUP)


def _shortcuts(found: Collection[str]) -> tuple[Shortcut, ...]:
    if _in_blocks("downsample", found):
        return (Shortcut.B, Shortcut.C)
    if _in_blocks("gate", found):
        return (Shortcut.EXCLUSIVE_GATE, Shortcut.SHORTCUT_GATE)
    return (Shortcut.A,)


def _orders(line: str, found: Collection[str]) -> tuple[Order, ...]:
    """Return the orders that names tell apart; BN after the sum leaves projections without."""
    if line == "preresnet":
        return (Order.FULL_PRE,)
    projects = _in_blocks("downsample", found)
    if projects and not any(".downsample.1." in name for name in found):
        return (Order.BN_AFTER, Order.ORIGINAL)
    return (Order.ORIGINAL,)
