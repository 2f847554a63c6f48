"""The fully connected networks that theory speaks of, as a user writes them, and their inputs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from resprobe import Batches, Chain, ImageSet, Normalisation, unravel

__all__ = ["BARE", "DESIGNS", "PLAIN", "RESIDUAL", "Design", "FullyConnected", "grid", "noise"]


@dataclass(frozen=True, kw_only=True)
class Design:
    """What the blocks of a network have in common.

    Attributes
    ----------
    residual : bool
        Whether there is a shortcut; else the block is its branch.
    norm : bool
        Whether the branch is BN-ReLU-W, else ReLU-W.
    shortcut, scale : float
        Fixed factors of shortcut and branch.
    multiplier : float or None
        Where a learnt factor of the branch begins, as in SkipInit; None for no such factor.
    fixup : bool
        Two layers a branch with scalar biases, the first scaled down, the last 0.
    """

    residual: bool = True
    norm: bool = True
    shortcut: float = 1.0
    scale: float = 1.0
    multiplier: float | None = None
    fixup: bool = False


RESIDUAL, BARE, PLAIN = "residual, BN", "residual, no BN", "plain, BN"
DESIGNS = {
    RESIDUAL: Design(),
    BARE: Design(norm=False),
    PLAIN: Design(residual=False),
}


class Block(nn.Module):
    """``shortcut x + scale F(x)``."""

    def __init__(self, width: int, design: Design) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width) if design.norm else nn.Identity()
        self.relu, self.linear = nn.ReLU(), nn.Linear(width, width, bias=False)
        self.residual = design.residual
        self.shortcut, self.scale = design.shortcut, design.scale
        if design.multiplier is not None:
            self.multiplier = nn.Parameter(torch.tensor(design.multiplier))
        self.is_learnt = design.multiplier is not None

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, width) to (N, width)."""
        branch = self.linear(self.relu(self.norm(x)))
        if not self.residual:
            return branch
        if self.is_learnt:
            branch = self.multiplier * branch
        if self.scale != 1:
            branch = self.scale * branch
        return (x if self.shortcut == 1 else self.shortcut * x) + branch


class FixupBlock(nn.Module):
    """``x + m W2 relu(W1 relu(x + b1) + b2) + b3``, W2 = 0 and W1 small at first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.first = nn.Linear(width, width, bias=False)
        self.second = nn.Linear(width, width, bias=False)
        self.before, self.between, self.after = (nn.Parameter(torch.zeros(1)) for _ in range(3))
        self.multiplier = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, width) to (N, width)."""
        inner = self.relu(self.first(self.relu(x + self.before)) + self.between)
        return x + (self.multiplier * self.second(inner) + self.after)


class FullyConnected(nn.Module):
    """Blocks of one width, weights from N(0, 2 / fan_in), all from a seed.

    Parameters
    ----------
    width, depth : int
        Units, and blocks.
    inputs : int, optional
        As many as units by default; else a layer with bias and ReLU brings them to the width.
    outputs : int
        Logits.
    """

    def __init__(
        self,
        width: int,
        depth: int,
        *,
        seed: int,
        design: Design,
        inputs: int | None = None,
        outputs: int = 10,
    ) -> None:
        super().__init__()
        stem = [] if inputs is None else [nn.Linear(inputs, width), nn.ReLU()]
        self.stem = nn.Sequential(nn.Flatten(), *stem)
        self.blocks = nn.Sequential(
            *(FixupBlock(width) if design.fixup else Block(width, design) for _ in range(depth))
        )
        self.head = nn.Linear(width, outputs, bias=False)
        self._draw(torch.Generator().manual_seed(seed), fixup=design.fixup, depth=depth)

    @torch.no_grad()
    def _draw(self, generator: torch.Generator, *, fixup: bool, depth: int) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                spread = math.sqrt(2 / module.in_features)
                module.weight.normal_(0, spread, generator=generator)
                if module.bias is not None:
                    module.bias.normal_(0, spread, generator=generator)
        if fixup:
            for block in self.blocks:
                block.first.weight.mul_(depth**-0.5)  # L^(-1 / (2m - 2)) with m = 2
                block.second.weight.zero_()
            self.head.weight.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 1, 1, inputs) to (N, outputs)."""
        out: Tensor = self.head(self.blocks(self.stem(x)))
        return out

    def chain(self, data: Batches) -> Chain:
        """Return the network as a chain."""
        return unravel(self, data.example())


def noise(width: int, n: int, *, seed: int = 1_000_003) -> Batches:
    """Return independent Gaussian inputs of variance 1, rounded to the 8 bits of images.

    The seed is none that a network has: its weights would be the inputs.
    """
    drawn = torch.randn((n, 1, 1, width), generator=torch.Generator().manual_seed(seed))
    pixels = (127.5 + 40 * drawn).round().clamp(0, 255).to(torch.uint8)
    return _batches(pixels, 40 / 255, "Gaussian inputs")


def grid() -> Batches:
    """Return 256 points from -2 to 2, evenly spaced."""
    pixels = torch.arange(256, dtype=torch.uint8).reshape(256, 1, 1, 1)
    return _batches(pixels, 0.25, "grid from -2 to 2")


def _batches(pixels: Tensor, spread: float, name: str) -> Batches:
    labels = torch.arange(len(pixels)) % 10
    images = ImageSet(pixels, labels, tuple("abcdefghij"), name, "drawn")
    return Batches(images, Normalisation((0.5,), (spread,)), len(pixels))
