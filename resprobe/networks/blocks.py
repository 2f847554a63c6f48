"""Blocks, plain and residual, of any kind, activation order and shortcut."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from resprobe.networks.options import (
    BlockKind,
    Initialisation,
    Layout,
    Order,
    Shortcut,
)
from resprobe.networks.orders import BlockLayers, block_layers, run
from resprobe.networks.scalars import Bias, Factor, Multiplier
from resprobe.networks.shortcuts import Gate, option_a, projection
from resprobe.networks.stochastic import StochasticDepth

__all__ = ["BlockDesign", "PlainBlock", "ResidualBlock"]


@dataclass(frozen=True, kw_only=True)
class BlockDesign:
    """What all blocks of a network have in common.

    Parameters
    ----------
    block : BlockKind
        Its convolutions.
    shortcut : Shortcut
        What carries the input past them; :attr:`Shortcut.NONE` for a plain network.
    order : Order
        Of normalisation and activation.
    layout : Layout
        Where a bottleneck has its stride.
    init : Initialisation
        Decides whether there is BN, and which scalar layers a branch has.
    scale, branch_scale : float
        Factors of shortcut and branch with :attr:`Shortcut.SCALED`.
    gate_bias : float
        Where the bias of a gate begins.
    dropout : float
        Rate with :attr:`Shortcut.DROPOUT`.
    """

    block: BlockKind = BlockKind.BASIC
    shortcut: Shortcut = Shortcut.A
    order: Order = Order.ORIGINAL
    layout: Layout = Layout.V1_5
    init: Initialisation = Initialisation.HE
    scale: float = 1.0
    branch_scale: float = 1.0
    gate_bias: float = 0.0
    dropout: float = 0.0

    @property
    def layers(self) -> BlockLayers:
        """The names of a block's layers."""
        return block_layers(self.order, self.block.convolutions, init=self.init)

    def convolutions(self, in_channels: int, width: int, stride: int) -> list[nn.Conv2d]:
        """Return the convolutions of a block, without bias."""
        out = width * self.block.expansion
        if self.block is BlockKind.BASIC:
            return [_conv(3, in_channels, width, stride), _conv(3, width, out, 1)]
        first, second = (stride, 1) if self.layout is Layout.PAPER else (1, stride)
        return [
            _conv(1, in_channels, width, first),
            _conv(3, width, width, second),
            _conv(1, width, out, 1),
        ]


def _conv(size: int, in_channels: int, out_channels: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, size, stride=stride, padding=size // 2, bias=False)


class PlainBlock(nn.Module):
    """The layers of a block one after the other, without a shortcut.

    Parameters
    ----------
    in_channels : int
        Channels of the input.
    width : int
        Channels of the inner convolutions; a bottleneck gives four times as many out.
    stride : int
        1, or 2 to halve the map.
    design : BlockDesign
        Everything else.

    References
    ----------
    He et al. 2015, section 4.1: the plain counterpart of a residual network.
    """

    def __init__(self, in_channels: int, width: int, *, stride: int, design: BlockDesign) -> None:
        super().__init__()
        self.layers, self.convolutions = design.layers, design.block.convolutions
        convolutions = iter(design.convolutions(in_channels, width, stride))
        initial = 0.0 if design.init is Initialisation.SKIPINIT else 1.0
        channels = in_channels
        for name in (*self.layers.branch, *self.layers.after):
            match name.rstrip("0123456789ab"):
                case "conv":
                    layer: nn.Module = (convolution := next(convolutions))
                    channels = convolution.out_channels
                case "bn":
                    layer = nn.BatchNorm2d(channels)
                case "relu":
                    layer = nn.ReLU()
                case "scale":
                    layer = Multiplier(initial)
                case _:
                    layer = Bias()
            self.add_module(name, layer)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C_in, H, W)`` to ``(N, C_out, H / stride, W / stride)``, rounded up."""
        return run(self, self.layers.after, run(self, self.layers.branch, x))


class ResidualBlock(PlainBlock):
    """``after(F(x) + s(x))``: the layers of a plain block around a shortcut.

    The shortcut is the module ``downsample``, also where it is the identity. A projection takes
    what the layers before the first convolution make of the input, normalised and activated in
    a pre-activation block, and so does every shortcut of a network's first block, which has the
    activation of the stem; every other shortcut takes the input itself, and a gate what its
    shortcut takes. A projection has BN where the branch's last convolution has BN before the sum.

    Parameters
    ----------
    in_channels, width, stride, design
        As in :class:`PlainBlock`.
    is_first : bool
        Whether it is the first block of its network.
    dropper : StochasticDepth, optional
        Decides in training whether the branch is computed.

    References
    ----------
    He et al. 2015, equation 1; He et al. 2016, figures 2 and 4, for shortcuts and orders, and
    the appendix for the first block.
    """

    def __init__(
        self,
        in_channels: int,
        width: int,
        *,
        stride: int,
        design: BlockDesign,
        is_first: bool = False,
        dropper: StochasticDepth | None = None,
    ) -> None:
        super().__init__(in_channels, width, stride=stride, design=design)
        sizes = in_channels, width * design.block.expansion
        changes = stride != 1 or sizes[0] != sizes[1]
        projects = design.shortcut is Shortcut.C or (design.shortcut is Shortcut.B and changes)
        before = self.layers.before
        activates = is_first and any(name.startswith("relu") for name in before)
        self.shared = before if projects or activates else ()
        self.rest = self.layers.branch[len(self.shared) :]
        if projects:
            norm = design.init.keeps_norms and self.layers.ends_in_norm
            self.downsample: nn.Module = projection(*sizes, stride=stride, norm=norm)
        else:
            self.downsample = _parameter_free(*sizes, stride=stride, design=design)
        self.gate: Gate | None = None
        if design.shortcut.is_gated:
            self.gate = Gate(*sizes, stride=stride, bias=design.gate_bias)
        self.gates_branch = design.shortcut is Shortcut.EXCLUSIVE_GATE
        if design.branch_scale != 1:
            self.branch_scale = Factor(design.branch_scale)
            self.rest += ("branch_scale",)
        self.stochastic_depth = dropper
        if dropper is not None:
            self.rest += ("stochastic_depth",)

    @property
    def has_branch(self) -> bool:
        """Whether anything is added to the shortcut."""
        return bool(self.rest)

    def drop_branch(self) -> None:
        """Take the branch away: ``after(s(x))``, with all that the shortcut needs."""
        for name in self.rest:
            delattr(self, name)
        self.rest, self.stochastic_depth = (), None

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C_in, H, W)`` to ``(N, C_out, H / stride, W / stride)``, rounded up."""
        start = run(self, self.shared, x)
        total: Tensor = self.downsample(start)
        gate = None if self.gate is None else self.gate(start)
        if gate is not None:
            total = (1 - gate) * total
        if self.has_branch and self._survives():
            branch = run(self, self.rest, start)
            if gate is not None and self.gates_branch:
                branch = gate * branch
            total = branch + total
        return run(self, self.layers.after, total)

    def _survives(self) -> bool:
        return self.stochastic_depth is None or self.stochastic_depth.survives()


def _parameter_free(
    in_channels: int, out_channels: int, *, stride: int, design: BlockDesign
) -> nn.Module:
    """Return option A, scaled or with dropout where the design asks for it."""
    shortcut = option_a(in_channels, out_channels, stride=stride)
    if design.shortcut is Shortcut.SCALED:
        return nn.Sequential(shortcut, Factor(design.scale))
    if design.shortcut is Shortcut.DROPOUT:
        return nn.Sequential(shortcut, nn.Dropout(design.dropout))
    return shortcut
