"""The same chain, computed faster: for programs that are run forward and nothing else."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, fx, nn

from resprobe.chain.chain import Block, Chain, Link, PlainBlock, ResidualBlock
from resprobe.chain.lean import is_fresh, lean
from resprobe.chain.operations import operation
from resprobe.chain.programs import intact, without
from resprobe.chain.state import left_as_found
from resprobe.chain.walking import run
from resprobe.errors import first_line
from resprobe.networks.layout import memory_format

__all__ = ["BOUND", "COARSE_BOUND", "Inference", "bound_on", "for_inference"]

BOUND = 1e-5
"""How far logits may move, in parts of the largest: what a chain is held to when it is made.

Rounding in another order moves them by 1e-7 to 1e-6; an answer can then change only where the
two largest logits are closer to each other than that.
"""


COARSE_BOUND = 1e-2
"""The same where convolutions round to 10 bits, as TF32 on a GPU does, in either chain."""


def bound_on(device: torch.device) -> float:
    """Return the bound that holds on a device as torch is set."""
    coarse = device.type == "cuda" and torch.backends.cudnn.allow_tf32
    return COARSE_BOUND if coarse else BOUND


class Inference(NamedTuple):
    """A chain to run forward, and how it came about.

    Attributes
    ----------
    chain : Chain
        Steps stand where they stood, so that programs apply to both.
    folded : int
        BatchNorm layers that went into the layer before them.
    memory_format : torch.memory_format
        How convolution weights, and so the activations, lie in memory.
    difference : float
        The largest difference of a logit, in parts of the largest logit; NaN if not compared.
    note : str
        Why the chain that was given is used as it is; empty where it is not.
    """

    chain: Chain
    folded: int
    memory_format: torch.memory_format
    difference: float
    note: str = ""


def for_inference(chain: Chain, example: Tensor) -> Inference:
    """Return a copy of a chain, in eval mode, that gives the same logits in less time.

    BatchNorm goes into the convolution or linear layer before it; ReLU and the sum of a block
    overwrite what a layer has just made; on a CPU, channels of narrow networks come last. What
    is done depends on the network and the device alone, never on a timing. The copy is checked
    against the original on the example, intact and with blocks deleted; where it differs by
    more than :data:`BOUND`, or cannot be made, the original is returned with a note of why.

    Parameters
    ----------
    chain : Chain
        Left as it was found; what is not changed is shared with it.
    example : Tensor of shape (N, C, H, W)
        Normalised images to compare on, a few are enough.

    Returns
    -------
    Inference
        To be run without gradients. It keeps the BatchNorm statistics of this moment.

    Examples
    --------
    >>> from resprobe.chain import unravel
    >>> from resprobe.networks import Architecture
    >>> images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    >>> chain = unravel(Architecture("resnet8").build(), images)
    >>> fast = for_inference(chain, images)
    >>> fast.folded, fast.difference < BOUND, len(fast.chain.steps)
    (7, True, 3)
    """
    layout = _layout(chain, example.device)
    with left_as_found(chain, training=False), torch.no_grad():
        try:
            copied, folded = _copied(chain, layout)
            difference = _difference(chain, copied, example)
        except Exception as error:
            why = f"it cannot be rewritten ({first_line(error)})"
            return Inference(chain, 0, torch.preserve_format, float("nan"), _note(why))
    bound = bound_on(example.device)
    if not difference <= bound:
        why = f"its logits would move by {difference:.1e} of the largest, beyond {bound:.0e}"
        return Inference(chain, 0, torch.preserve_format, difference, _note(why))
    return Inference(copied, folded, layout, difference)


_NARROW = 128
"""Channels up to which channels last pay on a CPU: 1.8 times at 8, 1.0 at 128, less beyond."""


def _layout(chain: Chain, device: torch.device) -> torch.memory_format:
    convolutions = (m for m in chain.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d))
    widest = max((max(m.in_channels, m.out_channels) for m in convolutions), default=0)
    if device.type != "cpu" or widest > _NARROW:
        return torch.contiguous_format
    return memory_format(chain, device)


def _note(why: str) -> str:
    return f"the network is run as it is, without the faster form: {why}"


def _difference(chain: Chain, copied: Chain, example: Tensor) -> float:
    """Compare logits of the intact network and of a few lesions of it."""
    deletable = [number for number, block in enumerate(chain.blocks) if block.deletable]
    some = deletable[:: max(1, len(deletable) // 3)]
    lesions = [without(chain, [number]) for number in some]
    if some:
        lesions.append(without(chain, some))
    programs = [intact(chain), *lesions]
    before, after = dict(run(chain, programs, example)), dict(run(copied, programs, example))
    if not before[0].isfinite().all():
        raise ValueError("the logits on the example are not finite")
    largest = 0.0
    for number, expected in before.items():
        if not torch.equal(expected.isfinite(), after[number].isfinite()):
            return float("inf")
        if expected.isfinite().all():  # a lesion may well drive a network out of range
            scale = float(expected.abs().max()) or 1.0
            largest = max(largest, float((after[number] - expected).abs().max()) / scale)
    return largest


def _copied(chain: Chain, layout: torch.memory_format) -> tuple[Chain, int]:
    counts: list[int] = []

    def rewritten(piece: nn.Module) -> nn.Module:
        piece, folded = lean(piece, layout)
        counts.append(folded)
        return piece

    def step(old: nn.Module) -> Block | Link:
        if isinstance(old, ResidualBlock):
            return _LeanBlock(
                rewritten(old.shortcut),
                rewritten(old.branch),
                rewritten(old.after),
                old.name,
                old.in_shape,
                old.out_shape,
            )
        if isinstance(old, PlainBlock):
            return PlainBlock(rewritten(old.layers), old.name, old.in_shape, old.out_shape)
        assert isinstance(old, Link), "a chain is made of blocks and links"
        layers = rewritten(old.layers)
        return Link(layers, old.name, old.in_shape, old.out_shape, merge=old.merge)

    stem, head = step(chain.stem), step(chain.head)
    assert isinstance(stem, Link), "a stem is a link"
    assert isinstance(head, Link), "a head is a link"
    if layout is torch.channels_last:
        stem.layers = nn.Sequential(_ChannelsLast(), stem.layers)
    steps = [step(old) for old in chain.steps]
    copied = Chain(stem, steps, head, parameters=list(chain.model_parameters))
    for module in copied.modules():
        if not isinstance(module, torch.jit.ScriptModule):  # which alone is shared, not copied
            module.training = False
    return copied, sum(counts)


class _ChannelsLast(nn.Module):
    """Lay images out as the weights are; weights of 1x1 convolutions do not say how."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the images."""
        return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x


class _LeanBlock(ResidualBlock):
    """A residual block whose sum, and the ReLU behind it, overwrite what the branch made."""

    def __init__(
        self,
        shortcut: nn.Module,
        branch: nn.Module,
        after: nn.Module,
        name: str,
        in_shape: tuple[int, ...],
        out_shape: tuple[int, ...],
    ) -> None:
        super().__init__(shortcut, branch, after, name, in_shape, out_shape)
        self.overwrites, self.is_relu = is_fresh(branch), _is_relu(after)

    def forward(self, x: Tensor) -> Tensor:
        """Run the block as the model does."""
        return self._sum(x, self.branch(x))

    def scaled(self, x: Tensor, alpha: float) -> Tensor:
        """Run the block with its branch multiplied."""
        return self._sum(x, alpha * self.branch(x))

    def _sum(self, x: Tensor, out: Tensor) -> Tensor:
        if self.overwrites:
            out += self.shortcut(x)
        else:
            out = self.shortcut(x) + out
        if self.is_relu:
            return out.relu_()
        after: Tensor = self.after(out)
        return after


def _is_relu(after: nn.Module) -> bool:
    """Whether an activation is the bare ReLU, which can be taken in place."""
    if type(after) is nn.ReLU:
        return not (after._forward_hooks or after._forward_pre_hooks)
    if not isinstance(after, fx.GraphModule):
        return False
    between = [node for node in after.graph.nodes if node.op not in ("placeholder", "output")]
    return len(between) == 1 and operation(between[0]) == "relu"
