"""What can be chosen about a network, as enums; each accepts its text, as in ``Order("full-pre")``.

The text is what stands on a command line and in a checkpoint.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from resprobe.errors import one_of

__all__ = [
    "BlockKind",
    "Family",
    "Initialisation",
    "Layout",
    "Order",
    "Shortcut",
    "SurvivalScaling",
    "chosen",
]


class Family(StrEnum):
    """The images that a network was designed for."""

    CIFAR = "cifar"
    """32x32 pixels, 10 classes."""
    IMAGENET = "imagenet"
    """224x224 pixels, 1000 classes."""


class BlockKind(StrEnum):
    """The convolutions of a block."""

    BASIC = "basic"
    """Two 3x3 (He et al. 2015, figure 2)."""
    BOTTLENECK = "bottleneck"
    """1x1, 3x3, 1x1, the last with four times the channels (He et al. 2015, figure 5)."""

    @property
    def convolutions(self) -> int:
        """How many there are."""
        return 2 if self is BlockKind.BASIC else 3

    @property
    def expansion(self) -> int:
        """Channels of the output over those of the inner convolutions."""
        return 1 if self is BlockKind.BASIC else 4


class Shortcut(StrEnum):
    """What carries the input of a block to the sum.

    A, B and C are the options of He et al. 2015, section 3.3; the others are the ablations of
    He et al. 2016, table 1, each on top of A. C, a projection in every block, is also the
    "1x1 convolution" shortcut of that table.
    """

    NONE = "none"
    """No sum at all: a plain network."""
    A = "A"
    """The identity, with a stride and zero channels where shapes change."""
    B = "B"
    """A projection where shapes change, the identity elsewhere."""
    C = "C"
    """A projection in every block."""
    SCALED = "scaled"
    """Constant scaling, of the shortcut and, if asked for, of the branch."""
    EXCLUSIVE_GATE = "exclusive-gate"
    """(1 - g) s(x) + g F(x), with a learnt gate g."""
    SHORTCUT_GATE = "shortcut-gate"
    """(1 - g) s(x) + F(x)."""
    DROPOUT = "dropout"
    """Dropout on the shortcut."""

    @property
    def is_gated(self) -> bool:
        """Whether a gate is learnt."""
        return self in (Shortcut.EXCLUSIVE_GATE, Shortcut.SHORTCUT_GATE)


class Order(StrEnum):
    """Where normalisation and activation stand in a block: He et al. 2016, figure 4."""

    ORIGINAL = "original"
    """conv-BN-ReLU; the sum before the last ReLU."""
    BN_AFTER = "bn-after"
    """conv-BN-ReLU; the sum before the last BN."""
    RELU_BEFORE = "relu-before"
    """conv-BN-ReLU; the sum after the last ReLU."""
    RELU_ONLY_PRE = "relu-only-pre"
    """ReLU-conv-BN."""
    FULL_PRE = "full-pre"
    """BN-ReLU-conv."""


class Layout(StrEnum):
    """Which convolution of a bottleneck has the stride."""

    V1_5 = "v1.5"
    """The 3x3, as torchvision has it."""
    PAPER = "paper"
    """The first 1x1, as in He et al. 2015."""


class Initialisation(StrEnum):
    """How the weights begin, and what this does to the layers."""

    HE = "he"
    """He-normal convolutions, BN as the identity (He et al. 2015, "Delving Deep")."""
    ZERO_BN = "zero-bn"
    """Scale 0 in the BN that ends a branch (Goyal et al. 2017, section 5.1)."""
    SKIPINIT = "skipinit"
    """No BN; a learnt multiplier, 0 at first, ends a branch (De and Smith 2020)."""
    FIXUP = "fixup"
    """No BN; scalar biases and multipliers, small branches (Zhang et al. 2019)."""

    @property
    def keeps_norms(self) -> bool:
        """Whether the network has batch normalisation."""
        return self in (Initialisation.HE, Initialisation.ZERO_BN)


class SurvivalScaling(StrEnum):
    """When stochastic depth makes up for the branches that it skips."""

    TEST = "test"
    """At test time a branch is multiplied by its survival probability (Huang et al. 2016)."""
    TRAINING = "training"
    """In training a branch that survives is divided by it, and test time has nothing to do."""


E = TypeVar("E", bound=StrEnum)


def chosen(options: type[E], value: object, *, what: str) -> E:
    """Return the member that ``value`` is, or is the text of.

    Raises
    ------
    UsageError
        If there is none; the nearest is suggested.

    Examples
    --------
    >>> chosen(Layout, "paper", what="layout")
    <Layout.PAPER: 'paper'>
    """
    try:
        return options(str(value))
    except ValueError:
        raise one_of(what, str(value), [member.value for member in options]) from None
