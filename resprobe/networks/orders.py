"""In which order the layers of a block, and those around all blocks, stand.

A convolutional network is one pattern repeated: conv-BN-ReLU, or BN-ReLU-conv. Where the
pattern is cut into blocks, and which of its last layers come after the sum, are all that the
activation orders of He et al. 2016 differ in. Layers are named by kind and number, ``conv1``,
``bn1``, ``relu1``, ``conv2``, ...; a block holds one module of each name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from torch import Tensor, nn

from resprobe.networks.options import Initialisation, Order

__all__ = ["BlockLayers", "FrameLayers", "block_layers", "frame_layers", "run"]

_PATTERNS = {
    Order.ORIGINAL: (("conv", "bn", "relu"), 1),
    Order.BN_AFTER: (("conv", "bn", "relu"), 2),
    Order.RELU_BEFORE: (("conv", "bn", "relu"), 0),
    Order.RELU_ONLY_PRE: (("relu", "conv", "bn"), 0),
    Order.FULL_PRE: (("bn", "relu", "conv"), 0),
}
"""What is repeated for each convolution, and how many layers at the end follow the sum."""


@dataclass(frozen=True)
class BlockLayers:
    """The names of a block's layers, in order.

    Parameters
    ----------
    branch : tuple of str
        What is computed before the sum.
    after : tuple of str
        What is applied to the sum.
    """

    branch: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def before(self) -> tuple[str, ...]:
        """The first layers of the branch, up to its first convolution."""
        return tuple(takewhile(lambda name: not name.startswith("conv"), self.branch))

    @property
    def ends_in_norm(self) -> bool:
        """Whether the last convolution is normalised before the sum."""
        last = [name for name in self.branch if not name.startswith("relu")][-1]
        return last.startswith("bn")


@dataclass(frozen=True)
class FrameLayers:
    """The names of the layers around all blocks.

    Parameters
    ----------
    stem : tuple of str
        Before the blocks, but for a pooling.
    tail : tuple of str
        Between the last block and the global average pooling.
    """

    stem: tuple[str, ...]
    tail: tuple[str, ...]


def block_layers(order: Order, convolutions: int, *, init: Initialisation) -> BlockLayers:
    """Return the layers of a block of so many convolutions.

    Parameters
    ----------
    order : Order
        Of normalisation and activation.
    convolutions : int
        How many the block has.
    init : Initialisation
        SkipInit and Fixup have no BN; their branches get a multiplier, those of Fixup also a
        bias before each convolution and ReLU.

    References
    ----------
    He et al. 2016, figure 4; for Fixup, Zhang et al. 2019, figure 1, and the authors' code.

    Examples
    --------
    >>> block_layers(Order.ORIGINAL, 2, init=Initialisation.HE)
    BlockLayers(branch=('conv1', 'bn1', 'relu1', 'conv2', 'bn2'), after=('relu2',))
    >>> block_layers(Order.ORIGINAL, 2, init=Initialisation.FIXUP).branch
    ('bias1a', 'conv1', 'bias1b', 'relu1', 'bias2a', 'conv2', 'scale', 'bias2b')
    """
    pattern, beyond = _PATTERNS[order]
    names = [f"{kind}{i}" for i in range(1, convolutions + 1) for kind in pattern]
    cut = len(names) - beyond
    branch, after = names[:cut], names[cut:]
    if init is Initialisation.FIXUP:
        branch = [part for name in branch for part in _with_fixup(name, convolutions)]
    elif init is Initialisation.SKIPINIT:
        branch.append("scale")
    return BlockLayers(*(_kept(names, init) for names in (branch, after)))


def _with_fixup(name: str, convolutions: int) -> list[str]:
    """Put the scalars of Fixup around a layer; ``bn`` stands before each ReLU, and so its bias."""
    kind, number = name[:-1], name[-1]
    if kind == "conv":
        ending = ["scale"] if int(number) == convolutions else []
        return [f"bias{number}a", name, *ending]
    return [f"bias{number}b"] if kind == "bn" else [name]


def frame_layers(order: Order, *, init: Initialisation) -> FrameLayers:
    """Return the layers around the blocks: what the pattern has before and after them.

    Examples
    --------
    >>> frame_layers(Order.FULL_PRE, init=Initialisation.HE)
    FrameLayers(stem=('conv1',), tail=('bn', 'relu'))
    """
    pattern, _ = _PATTERNS[order]
    first = pattern.index("conv")
    names = {"conv": "conv1", "bn": "bn1", "relu": "relu"}
    if init is Initialisation.FIXUP:
        names["bn"] = "bias1"
    stem = [names[kind] for kind in pattern[first:]]
    return FrameLayers(_kept(stem, init), _kept(pattern[:first], init))


def _kept(names: Iterable[str], init: Initialisation) -> tuple[str, ...]:
    return tuple(name for name in names if init.keeps_norms or not name.startswith("bn"))


def run(holder: nn.Module, names: Iterable[str], x: Tensor) -> Tensor:
    """Apply the modules of these names, which ``holder`` has, one after the other."""
    result: Any = x
    for name in names:
        result = getattr(holder, name)(result)
    return result  # type: ignore[no-any-return]
