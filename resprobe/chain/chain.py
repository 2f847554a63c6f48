"""The chain: stem, blocks with the links between them, head."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

__all__ = ["Block", "Chain", "Link", "PlainBlock", "ResidualBlock", "Shape", "Step"]

Shape = tuple[int, ...]  # without the batch


class Step(nn.Module):
    """A piece of the chain: one tensor in, one tensor out.

    Attributes
    ----------
    name : str
        Path in the user's own model, such as ``layer1.0``.
    in_shape, out_shape : tuple of int
        Shapes without the batch, for the example that the chain was made with.
    """

    def __init__(self, name: str, in_shape: Shape, out_shape: Shape) -> None:
        super().__init__()
        self.name, self.in_shape, self.out_shape = name, in_shape, out_shape


class Link(Step):
    """Whatever lies before, between or after blocks; it always runs.

    Attributes
    ----------
    merge : str
        How two paths inside come together when not by a sum ("cat", "mul"); else empty.
    """

    def __init__(
        self, layers: nn.Module, name: str, in_shape: Shape, out_shape: Shape, *, merge: str = ""
    ) -> None:
        super().__init__(name, in_shape, out_shape)
        self.layers, self.merge = layers, merge

    def forward(self, x: Tensor) -> Tensor:
        """Run the layers."""
        out: Tensor = self.layers(x)
        return out


class ResidualBlock(Step):
    """``x -> after(shortcut(x) + branch(x))``.

    Attributes
    ----------
    shortcut, branch, after : nn.Module
        The path that carries the input, the residual function F, and the elementwise
        activation that directly follows the sum (the identity where there is none).
    stage : int
        Counted from 1; a new stage begins where the shape changes. Maps laid out as a row of
        positions (56x56x96 as 3136x96, in some transformers) are of the same shape.
    kind : "identity" or "transition"
        Whether the block keeps its input's shape.
    """

    stage: int = 0

    def __init__(
        self,
        shortcut: nn.Module,
        branch: nn.Module,
        after: nn.Module,
        name: str,
        in_shape: Shape,
        out_shape: Shape,
    ) -> None:
        super().__init__(name, in_shape, out_shape)
        self.shortcut, self.branch, self.after = shortcut, branch, after

    @property
    def kind(self) -> Literal["identity", "transition"]:
        """Whether the shape is kept."""
        return "identity" if self.in_shape == self.out_shape else "transition"

    @property
    def deletable(self) -> bool:
        """A residual block can always be deleted: its shortcut stays."""
        return True

    def forward(self, x: Tensor) -> Tensor:
        """Run the block as the model does."""
        out: Tensor = self.after(self.shortcut(x) + self.branch(x))
        return out

    def deleted(self, x: Tensor) -> Tensor:
        """Run the block without its branch: ``after(shortcut(x))``."""
        out: Tensor = self.after(self.shortcut(x))
        return out

    def scaled(self, x: Tensor, alpha: float) -> Tensor:
        """Run the block with its branch multiplied: ``after(shortcut(x) + alpha branch(x))``."""
        out: Tensor = self.after(self.shortcut(x) + alpha * self.branch(x))
        return out


class PlainBlock(Step):
    """``x -> layers(x)``: the layers of a block that has no shortcut.

    Attributes
    ----------
    layers : nn.Module
        The block's two or three weighted layers with what lies between and after them.
    stage, kind
        As for :class:`ResidualBlock`.
    """

    stage: int = 0

    def __init__(self, layers: nn.Module, name: str, in_shape: Shape, out_shape: Shape) -> None:
        super().__init__(name, in_shape, out_shape)
        self.layers = layers

    @property
    def kind(self) -> Literal["identity", "transition"]:
        """Whether the shape is kept."""
        return "identity" if self.in_shape == self.out_shape else "transition"

    @property
    def deletable(self) -> bool:
        """A plain block can be bypassed only where it keeps the shape."""
        return self.in_shape == self.out_shape

    def forward(self, x: Tensor) -> Tensor:
        """Run the block as the model does."""
        out: Tensor = self.layers(x)
        return out

    def deleted(self, x: Tensor) -> Tensor:
        """Bypass the block: return its input."""
        assert self.deletable, f"{self.name} changes the shape"
        return x

    def scaled(self, x: Tensor, alpha: float) -> Tensor:
        """Go from the bypass (0) to the block (1) in a straight line, and beyond."""
        assert self.deletable, f"{self.name} changes the shape"
        out: Tensor = x + alpha * (self.layers(x) - x)
        return out


Block = ResidualBlock | PlainBlock


class Chain(nn.Module):
    """A model as ``stem -> blocks, with links between them -> head``; see :func:`unravel`.

    Parameters are the model's own, shared and never copied; in-place operations are switched
    off, because several lesions share one activation.

    Attributes
    ----------
    stem, head : Link
        What comes before the first block and after the last one.
    steps : nn.ModuleList
        Blocks and links between stem and head, in order; the list is not changed later.
    blocks : tuple of Block
        The residual blocks; in a network that has none, its plain blocks.
    model_parameters : tuple of (name, parameter)
        The model's parameters under the model's own names.

    Examples
    --------
    >>> from resprobe import Architecture, unravel
    >>> chain = unravel(Architecture("resnet8", width=4).build(), torch.zeros(2, 3, 32, 32))
    >>> [(block.name, block.stage, block.kind) for block in chain.blocks]
    [('layer1.0', 1, 'identity'), ('layer2.0', 2, 'transition'), ('layer3.0', 3, 'transition')]
    """

    def __init__(
        self,
        stem: Link,
        steps: list[Block | Link],
        head: Link,
        *,
        parameters: list[tuple[str, nn.Parameter]],
    ) -> None:
        super().__init__()
        self.model_parameters = tuple(parameters)
        self.stem, self.steps, self.head = stem, nn.ModuleList(steps), head
        self.blocks = tuple(s for s in steps if isinstance(s, ResidualBlock | PlainBlock))
        stage, shape = 0, Shape()
        for block in self.blocks:
            stage += not _same_but_flattened(block.out_shape, shape)
            block.stage, shape = stage, block.out_shape

    @property
    def is_plain(self) -> bool:
        """Whether the blocks have no shortcuts."""
        return isinstance(self.blocks[0], PlainBlock)

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(self.parameters()).device

    @property
    def classes(self) -> int:
        """Number of outputs of the head."""
        return self.head.out_shape[-1]

    def forward(self, x: Tensor) -> Tensor:
        """Compute what the model computes: ``(N, C, H, W)`` to ``(N, classes)``."""
        x = self.stem(x)
        for step in self.steps:
            x = step(x)
        out: Tensor = self.head(x)
        return out

    def _repr_html_(self) -> str:
        """Show the chain in a notebook: its drawing and its table of blocks."""
        import resprobe  # by the front door and only here: what draws lies above this room

        return resprobe.chain_html(self)


def _same_but_flattened(one: Shape, other: Shape) -> bool:
    """Tell whether two shapes are equal once neighbouring axes of one are merged.

    Examples
    --------
    >>> _same_but_flattened((56, 56, 96), (3136, 96)), _same_but_flattened((16, 32), (32, 16))
    (True, False)
    """
    finer, coarser = sorted((one, other), key=len, reverse=True)
    axes = iter(finer)
    for size in coarser:
        merged = 1
        while merged < size:
            merged *= next(axes, size + 1)
        if merged != size:
            return False
    return all(axis == 1 for axis in axes) and bool(other)
