"""One initialisation of a network: its signals forward and back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from resprobe.chain import Chain, Passage, left_as_found, pass_through, responses
from resprobe.datasets import Batches
from resprobe.errors import ResprobeError
from resprobe.probes.batch_norm import Statistics
from resprobe.probes.gradients.growth import LayerCount
from resprobe.probes.signals.constants import batch_statistics_as_constants
from resprobe.probes.signals.pairs import Pairs
from resprobe.probes.signals.variances import BlockVariances

__all__ = ["Signals", "signals"]


@dataclass(frozen=True)
class Signals:
    """What one pass forward and back shows.

    Attributes
    ----------
    blocks : list of dict
        The figures of each block.
    layers : list of int
        Weighted layers on the branch of each block.
    input_correlation : float
        Of the gradients at the images themselves.
    """

    blocks: list[dict[str, float]]
    layers: list[int]
    input_correlation: float


def signals(
    chain: Chain,
    data: Batches,
    *,
    batch_norm: Statistics,
    seed: int,
    tick: Callable[[], None] = lambda: None,
) -> Signals:
    """Measure a chain; the model is left as it was found.

    Parameters
    ----------
    chain, data, batch_norm
        As for :func:`resprobe.initialisation`.
    seed : int
        Of the combination of the logits whose gradient is taken.
    tick : callable
        Called after every batch.

    Raises
    ------
    ResprobeError
        If no gradient comes back to a block.
    """
    variances = [BlockVariances() for _ in chain.blocks]
    at_image, at_block = Pairs(), [Pairs() for _ in chain.blocks]
    counted = LayerCount()
    direction = _direction(chain, seed)

    def see(passed: Passage) -> None:
        if passed.number is None:
            return
        variances[passed.number].see(passed)
        pairs = at_block[passed.number]

        def catch(gradient: Tensor) -> None:
            pairs.add(gradient.reshape(images, -1))

        passed.start.register_hook(catch)  # type: ignore[no-untyped-call]

    with (
        left_as_found(chain, training=False, requires_grad=False),
        batch_statistics_as_constants(chain) if batch_norm == "batch" else nullcontext(),
        torch.enable_grad(),
    ):
        for x, _ in data:
            images = len(x)
            leaf = x.detach().requires_grad_()
            with nullcontext() if counted.layers else responses(chain, counted.see):
                logits = pass_through(chain, leaf, see)
            y = (logits @ direction.to(logits)).sum()
            if y.requires_grad:
                (gradient,) = torch.autograd.grad(y, leaf, materialize_grads=True)
                at_image.add(gradient)
            tick()
    for block, pairs in zip(chain.blocks, at_block, strict=True):
        if pairs.n != data.n:
            raise ResprobeError(
                f"no gradient reached block {block.name}; the network's output does not depend on "
                "what it is given"
            )
    found = [
        {**seen.figures(), "gradient_norm": pairs.mean_square**0.5,
         "gradient_correlation": pairs.correlation}
        for seen, pairs in zip(variances, at_block, strict=True)
    ]  # fmt: skip
    layers = [counted.layers[number] for number in range(len(chain.blocks))]
    return Signals(found, layers, at_image.correlation)


def _direction(chain: Chain, seed: int) -> Tensor:
    """Return a random unit vector: at initialisation every combination of logits is alike."""
    drawn = torch.randn(chain.classes, generator=torch.Generator().manual_seed(seed))
    direction: Tensor = drawn / drawn.norm()
    return direction
