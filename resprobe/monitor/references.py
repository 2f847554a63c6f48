"""What the values and gradients at every block are, computed by the chain.

They are computed with weights drawn at random in the place of the model's own. At
initialisation and after training many values coincide: a branch that begins at zero gives
nothing, and a block around it its input. With random weights no two values are equal, so that
a value which is seen somewhere in the model tells which one it is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

from resprobe.chain import Chain, Link, PlainBlock, ResidualBlock
from resprobe.monitor.hooks import on_gradient

__all__ = ["BlockReference", "lively_weights", "loss_of", "references", "settle_batch_norm"]


@dataclass
class BlockReference:
    """Values at one block on a few images, and the gradients of :func:`loss_of`.

    Attributes
    ----------
    input, response : Tensor
        x and F(x); in a plain block the last response before the activation.
    shortcut : Tensor or None
        s(x); None where it is x itself, and in a plain block.
    whole, identity, residual : Tensor or None
        dL/dx and its two parts; a plain block has the whole alone.
    """

    input: Tensor
    response: Tensor
    shortcut: Tensor | None = None
    whole: Tensor | None = None
    identity: Tensor | None = None
    residual: Tensor | None = None

    @property
    def is_finite(self) -> bool:
        """Whether all values and gradients are finite."""
        values = (self.input, self.response, self.shortcut, self.whole, self.identity)
        return all(bool(v.isfinite().all()) for v in values if v is not None)


@contextlib.contextmanager
def lively_weights(model: nn.Module, *, seed: int = 0, held: bool = False) -> Iterator[None]:
    """Put random weights in the place of a model's own for the length of a ``with``.

    The weights' storages are swapped and put back, so that they come back bit by bit.

    Parameters
    ----------
    model : nn.Module
    seed : int
        Of the draws.
    held : bool
        Whether the other tensors that modules hold, as buffers or as attributes, are as well.
    """
    generator = torch.Generator().manual_seed(seed)
    tensors = [*model.parameters(), *(_held(model) if held else ())]
    kept = [(t, t.data) for t in tensors if t.is_floating_point()]
    try:
        for parameter, data in kept:
            parameter.data = _drawn(data, generator)
        yield
    finally:
        for parameter, data in kept:
            parameter.data = data


def _held(model: nn.Module) -> list[Tensor]:
    """Return the buffers, and the tensors that are attributes and no buffers, each once."""
    values = (value for module in model.modules() for value in vars(module).values())
    loose = [value for value in values if isinstance(value, Tensor) and value.is_leaf]
    return list({id(t): t for t in [*model.buffers(), *loose]}.values())


def _drawn(like: Tensor, generator: torch.Generator) -> Tensor:
    if like.dim() < 2:  # scales and shifts, none of them near 0
        values = 0.5 + torch.rand(like.shape, generator=generator)
    else:
        values = torch.randn(like.shape, generator=generator) * like[0].numel() ** -0.5
    return torch.empty_like(like).copy_(values)


def settle_batch_norm(model: nn.Module) -> None:
    """Let every BatchNorm use the batch's statistics: the running ones fit other weights."""
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.training = True


def loss_of(output: Tensor) -> Tensor:
    """Return a loss in which every logit of every image has another weight."""
    generator = torch.Generator().manual_seed(1)
    weights = torch.randn(output.shape, generator=generator).to(output)
    return (output * weights).sum()


def references(chain: Chain, images: Tensor) -> list[BlockReference]:
    """Run the chain forwards and backwards; return what passes at every block."""
    leaf = images.detach().clone().requires_grad_()
    hidden = chain.stem(leaf.clone())
    found = []
    for step in chain.steps:
        if isinstance(step, Link):
            hidden = step(hidden)
        elif isinstance(step, ResidualBlock):
            hidden, seen = _through_block(step, hidden)
            found.append(seen)
        else:
            assert isinstance(step, PlainBlock)
            seen = BlockReference(hidden.detach().clone(), last_response(step, hidden.detach()))
            _keep_gradient(hidden, seen, "whole")
            hidden = step(hidden)
            found.append(seen)
    torch.autograd.grad(loss_of(chain.head(hidden)), leaf)
    return found


def _through_block(block: ResidualBlock, x: Tensor) -> tuple[Tensor, BlockReference]:
    by_shortcut, by_branch = x.view_as(x), x.view_as(x)
    shortcut, branch = block.shortcut(by_shortcut), block.branch(by_branch)
    is_input = isinstance(block.shortcut, nn.Identity)
    seen = BlockReference(
        x.detach().clone(),
        branch.detach().clone(),
        None if is_input else shortcut.detach().clone(),
    )
    _keep_gradient(x, seen, "whole")
    _keep_gradient(by_shortcut, seen, "identity")
    _keep_gradient(by_branch, seen, "residual")
    out: Tensor = block.after(shortcut + branch)
    return out, seen


def _keep_gradient(x: Tensor, seen: BlockReference, name: str) -> None:
    on_gradient(x, lambda gradient: setattr(seen, name, gradient.detach().clone()))


@torch.no_grad()
def last_response(block: PlainBlock, x: Tensor) -> Tensor:
    """Return what the last layer with weights of a plain block gives: before its activation."""
    if not isinstance(block.layers, fx.GraphModule):
        out: Tensor = block.layers(x)
        return out
    layers = dict(block.layers.named_modules())
    weighted = [
        node
        for node in block.layers.graph.nodes
        if node.op == "call_module" and _is_weighted(layers[str(node.target)])
    ]
    recorder = _Until(block.layers, weighted[-1])
    recorder.run(x)
    return recorder.value


def _is_weighted(layer: nn.Module) -> bool:
    return not isinstance(layer, nn.PReLU) and any(True for _ in layer.parameters())


class _Until(fx.Interpreter):
    """Runs a graph and keeps what one node of it gives."""

    def __init__(self, module: fx.GraphModule, wanted: fx.Node) -> None:
        super().__init__(module)
        self.wanted, self.value = wanted, torch.empty(0)

    def run_node(self, n: fx.Node) -> object:
        result = super().run_node(n)
        if n is self.wanted:
            self.value = result.detach().clone()
        return result
