"""Loss and error of a network over a set of images."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resprobe.datasets import Batches
from resprobe.training.distributed import World

__all__ = ["Evaluation", "evaluate"]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What a network makes of ``n`` images.

    Parameters
    ----------
    loss : float
        Cross entropy in nats, mean over the images.
    wrong : int
        Images whose highest logit is another class.
    n : int
        Images seen.
    """

    loss: float
    wrong: int
    n: int

    @property
    def error(self) -> float:
        """Fraction of wrong answers, in [0, 1]."""
        return self.wrong / self.n


@torch.no_grad()
def evaluate(
    model: nn.Module,
    batches: Batches,
    *,
    between: Callable[[], None] = lambda: None,
    world: World | None = None,
) -> Evaluation:
    """Run the network over all batches in eval mode; its mode is then what it was.

    Parameters
    ----------
    model : nn.Module
        On the device of the batches.
    batches : Batches
        Losses are averaged in float64, so that the batch size hardly matters.
    between : callable
        Called after every batch, on all ranks equally often; what it raises passes through.
    world : World, optional
        The processes that share the images; all get the figures of all images.

    Examples
    --------
    >>> from resprobe.datasets import ImageSet, Normalisation
    >>> images = torch.zeros(4, 1, 2, 2, dtype=torch.uint8)
    >>> data = ImageSet(images, torch.tensor([0, 0, 0, 1]), ("a", "b"), "four", "test")
    >>> always_a = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    >>> with torch.no_grad():
    ...     _ = always_a[1].weight.zero_(), always_a[1].bias.copy_(torch.tensor([9.0, 0.0]))
    >>> evaluate(always_a, Batches(data, Normalisation((0.0,), (1.0,)))).error
    0.25
    """
    modes = [(module, module.training) for module in model.modules()]
    world = World() if world is None else world
    mine, rounds = _share(batches, world)
    losses, wrong = [], []
    model.eval()
    try:
        for x, y in mine:
            logits = model(x.contiguous(memory_format=torch.channels_last))
            losses.append(F.cross_entropy(logits, y, reduction="none"))
            wrong.append((logits.argmax(1) != y).sum())
            between()
        for _ in range(rounds - len(losses)):
            between()
    finally:
        for module, training in modes:
            module.training = training
    own = torch.zeros(2, dtype=torch.float64)  # on the CPU: Apple's GPUs know no float64
    if losses:
        own[0], own[1] = torch.cat(losses).cpu().double().sum(), torch.stack(wrong).sum().cpu()
    loss_sum, all_wrong = world.sum_over_ranks(own).tolist()
    return Evaluation(loss=loss_sum / batches.n, wrong=int(all_wrong), n=batches.n)


def _share(batches: Batches, world: World) -> tuple[Iterable[tuple[Tensor, Tensor]], int]:
    """Return this rank's batches, and how many rank 0 has, which has the most."""
    if world.size == 1:
        return batches, len(batches)
    everything = torch.arange(batches.n)
    most = len(World(size=world.size).share(everything))
    mine = world.share(everything)
    rounds = math.ceil(most / batches.batch_size)
    return (replace(batches, data=batches.data.take(mine)) if len(mine) else ()), rounds
