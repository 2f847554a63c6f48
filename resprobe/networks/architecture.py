"""From a name and options to a network."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import torch
from torch import nn

from resprobe.errors import InputError
from resprobe.networks import spec
from resprobe.networks.consistency import check
from resprobe.networks.construct import construct
from resprobe.networks.initialise import initialise
from resprobe.networks.options import (
    BlockKind,
    Family,
    Initialisation,
    Layout,
    Order,
    Shortcut,
    SurvivalScaling,
)
from resprobe.networks.rules import USUAL, has_meaning, not_applicable, taken
from resprobe.networks.shapes import keeps_shape
from resprobe.networks.zoo import Line, Member, member

__all__ = ["Architecture"]


@dataclass(frozen=True)
class Architecture:
    """A network's name and options: all that is needed to build it again.

    What is left open is filled in from the name, so that a field that is None afterwards has
    no meaning in this network. Wherever an enum is wanted, its text is accepted.

    Parameters
    ----------
    name : str
        ``resnetN``, ``preresnetN`` or ``plainN``, or one of the VGG; :func:`names` lists the
        published ones. N = 18, 34, 50, 101, 152 and 200 are the ImageNet networks; other depths
        6n+2 the CIFAR networks of basic blocks; 164, 1001 and depths that are 9n+2 alone the
        CIFAR networks of bottlenecks.
    num_classes : int, optional
        Outputs; 10 for CIFAR and 1000 for ImageNet, if left open.
    in_channels : int
        Channels of the images.
    width : int, optional
        Inner channels of the first stage; 16 for CIFAR, 64 for ImageNet and VGG.
    block : BlockKind, optional
        "basic" or "bottleneck", for depths that are both 6n+2 and 9n+2.
    shortcut : Shortcut, optional
        "A", "B", "C", "scaled", "exclusive-gate", "shortcut-gate", "dropout" or "none". A for
        CIFAR basic blocks, B for the other residual networks, none for plain ones.
    order : Order, optional
        "original", "bn-after", "relu-before", "relu-only-pre" or "full-pre". "full-pre" for
        ``preresnetN``, else "original".
    layout : resprobe.networks.Layout, optional
        "v1.5" or "paper", of bottlenecks: "v1.5" for ImageNet. For CIFAR "paper", as in the
        authors' code.
    init : Initialisation
        "he", "zero-bn", "skipinit" or "fixup": how the weights begin, and whether there is BN.
    survival : float
        Survival probability of the last branch under stochastic depth, in (0, 1]; 1 for none.
    blocks_per_batch : int, optional
        Branches that each mini-batch of a training goes through, drawn at random; None for all.
    survival_scaling : SurvivalScaling
        "test" or "training": when either makes up for what it leaves out.
    scale, branch_scale : float, optional
        Factors of shortcut and branch with the shortcut "scaled": 0.5 and 1.
    gate_bias : float, optional
        Where the bias of a gate begins: -6.
    dropout : float, optional
        Rate in [0, 1): 0.5 with the shortcut "dropout"; 0 in VGG, behind the hidden linear
        layers.
    drop : tuple of int
        Blocks that were taken out for good, counted from 0 over the whole network.

    Raises
    ------
    UsageError
        If there is no such network, a value is out of range, or options cannot be meant
        together.

    References
    ----------
    He et al. 2015, https://arxiv.org/abs/1512.03385; He et al. 2016,
    https://arxiv.org/abs/1603.05027; Huang et al. 2016, https://arxiv.org/abs/1603.09382.

    Examples
    --------
    >>> sum(p.numel() for p in Architecture("plain20").build().parameters())
    269722
    >>> Architecture("resnet50").layout.value, Architecture("preresnet164").shortcut.value
    ('v1.5', 'B')
    """

    name: str
    num_classes: int | None = None
    in_channels: int = 3
    width: int | None = None
    block: BlockKind | None = None
    shortcut: Shortcut | None = None
    order: Order | None = None
    layout: Layout | None = None
    init: Initialisation = Initialisation.HE
    survival: float = 1.0
    blocks_per_batch: int | None = None
    survival_scaling: SurvivalScaling = SurvivalScaling.TEST
    scale: float | None = None
    branch_scale: float | None = None
    gate_bias: float | None = None
    dropout: float | None = None
    drop: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", str(self.name))
        for field, usual in USUAL.items():
            value = getattr(self, field)
            if value is None:
                value = usual(self)
            elif not has_meaning(self, field):
                raise not_applicable(self, field)
            else:
                value = taken(self, field)
            object.__setattr__(self, field, value)
        check(self)

    @property
    def member(self) -> Member:
        """What the name alone says."""
        return member(self.name)

    @property
    def family(self) -> Family:
        """The images that the network was designed for; it takes others as well."""
        return self.member.family

    @property
    def depth(self) -> int:
        """Weighted layers, the linear ones included; projections are not counted."""
        layers = 1 if self.block is None else self.block.convolutions
        return self.member.depth - layers * len(self.drop)

    @property
    def blocks_in_all(self) -> int:
        """Blocks of the whole network, the dropped ones included; of VGG, layers."""
        return len(keeps_shape(self))

    @property
    def is_plain(self) -> bool:
        """Whether the network has no shortcuts."""
        return self.member.line in (Line.PLAIN, Line.VGG)

    @property
    def skips_blocks(self) -> bool:
        """Whether training leaves out whole branches at random."""
        return self.survival < 1 or self.blocks_per_batch is not None

    @property
    def image_size(self) -> int:
        """Height and width of the images that the network was designed for, in pixels."""
        return 32 if self.family is Family.CIFAR else 224

    @property
    def spec(self) -> str:
        """The name with every option that is not the usual one; :meth:`parse` reads it.

        Examples
        --------
        >>> Architecture("resnet110", shortcut="B", survival=0.5).spec
        'resnet110:shortcut=B:survival=0.5'
        """
        return spec.written(self)

    @classmethod
    def parse(
        cls,
        text: str,
        *,
        num_classes: int | None = None,
        in_channels: int = 3,
        width: int | None = None,
    ) -> Architecture:
        """Read ``NAME:option=value:option=value``.

        Parameters
        ----------
        text : str
            The options are the fields from ``width`` on.
        num_classes, in_channels, width : int, optional
            As in :class:`Architecture`; they follow from the data and stand in no text, but
            for a width.

        Raises
        ------
        UsageError
            If a name, option or value is unknown, with a suggestion.

        Examples
        --------
        >>> Architecture.parse("resnet50:layout=paper", num_classes=10).layout
        <Layout.PAPER: 'paper'>
        """
        name, options = spec.read(text)
        if width is not None:
            options = spec.with_width(options, width, text)
        return cls(name, num_classes=num_classes, in_channels=in_channels, **options)

    def build(self, *, seed: int = 0, device: torch.device | str = "cpu") -> nn.Module:
        """Make the network in training mode, initialised on the CPU from ``seed``, on ``device``.

        On the ``meta`` device it has shapes and no values. The global random state is
        neither read nor moved.
        """
        with torch.device("meta"):
            network = construct(self)
        if torch.device(device).type == "meta":
            return network
        network.to_empty(device="cpu")
        initialise(network, init=self.init, generator=torch.Generator().manual_seed(seed))
        return network.to(device)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, for a file."""
        fields = dataclasses.asdict(self)
        fields["drop"] = list(self.drop)
        return {k: v.value if isinstance(v, StrEnum) else v for k, v in fields.items()}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Architecture:
        """Rebuild from :meth:`to_dict`; what is not among the fields is as if left open.

        Raises
        ------
        InputError
            If the fields are not those of an architecture.
        """
        try:
            known = member(str(fields["name"])).block_kinds
            # what says nothing of blocks was written when there were basic ones alone
            block = {"block": BlockKind.BASIC} if BlockKind.BASIC in known else {}
            return cls(**{**block, **fields})
        except (TypeError, KeyError) as error:
            raise InputError(f"not the description of an architecture: {fields!r}") from error
