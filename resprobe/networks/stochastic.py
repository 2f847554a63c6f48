"""Whole branches that are left out in training: stochastic depth, and so many blocks a batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from resprobe.networks.options import SurvivalScaling

__all__ = [
    "BlocksPerBatch",
    "StochasticDepth",
    "branch_droppers",
    "has_random_layers",
    "seed_of",
    "seeded_draws",
    "survival_probabilities",
]


def survival_probabilities(blocks: int, last: float) -> list[float]:
    """Return the survival probability of each block by the linear rule.

    p_l = 1 - (l / L) (1 - p_L) for l = 1..L: early blocks, from which all later ones take
    their features, survive most often. With p_L = 1/2, (3L - 1) / 4 blocks survive on average.

    Parameters
    ----------
    blocks : int
        L.
    last : float
        p_L.

    References
    ----------
    Huang et al. 2016, "Deep Networks with Stochastic Depth", equation 4.

    Examples
    --------
    >>> round(sum(survival_probabilities(54, 0.5)), 9)
    40.25
    """
    return [1 - (number / blocks) * (1 - last) for number in range(1, blocks + 1)]


class StochasticDepth(nn.Module):
    """Decides in training whether a branch is computed at all, and makes up for it.

    One draw is for the whole mini-batch. It comes from ``generator`` or else from torch's global
    one on the CPU, as the draws of :class:`torch.nn.Dropout` come from the global generators.

    Parameters
    ----------
    survival : float
        Probability in (0, 1] that the branch is computed.
    scaling : SurvivalScaling
        Whether the branch is multiplied by ``survival`` at test time or divided by it in
        training.

    References
    ----------
    Huang et al. 2016, equations 2 and 5.

    Examples
    --------
    >>> layer = StochasticDepth(0.75, scaling=SurvivalScaling.TEST).eval()
    >>> layer.survives(), layer(torch.ones(1)).item()
    (True, 0.75)
    """

    def __init__(self, survival: float, *, scaling: SurvivalScaling) -> None:
        super().__init__()
        self.survival, self.scaling = survival, scaling
        self.generator: torch.Generator | None = None

    def survives(self) -> bool:
        """Draw whether the branch is computed; outside training it always is."""
        return not self.training or self._draw() < self.survival

    def _draw(self) -> float:
        return torch.rand((), device="cpu", generator=self.generator).item()

    def forward(self, branch: Tensor) -> Tensor:
        """Scale the output of a branch that survived."""
        if self.training:
            return branch / self.survival if self.scaling is SurvivalScaling.TRAINING else branch
        return branch * self.survival if self.scaling is SurvivalScaling.TEST else branch

    def extra_repr(self) -> str:
        """Show the settings in the printed module."""
        return f"survival={self.survival:g}, scaling={self.scaling.value}"


class Lot:
    """Draws which K of L blocks a forward pass computes, anew where the blocks begin again.

    Every set of K blocks is as likely as any other.

    Parameters
    ----------
    computed, blocks : int
        K and L.

    Examples
    --------
    >>> lot, generator = Lot(2, of=3), torch.Generator().manual_seed(0)
    >>> [sum(lot.draws(place, generator) for place in range(3)) for _ in range(4)]
    [2, 2, 2, 2]
    """

    def __init__(self, computed: int, *, of: int) -> None:
        self.computed, self.blocks = computed, of
        self._drawn, self._last = frozenset[int](), of

    def draws(self, place: int, generator: torch.Generator | None) -> bool:
        """Tell whether the block of this place, asked after those before it, is computed."""
        if place <= self._last:
            order = torch.randperm(self.blocks, device="cpu", generator=generator).tolist()
            self._drawn = frozenset(order[: self.computed])
        self._last = place
        return place in self._drawn


class BlocksPerBatch(StochasticDepth):
    """Stochastic depth of which every mini-batch computes exactly K of L blocks.

    Each survives with probability K / L, and no two independently.

    Parameters
    ----------
    place : int
        Of the block, counted from 0.
    lot : Lot
        The one of the network.
    scaling : SurvivalScaling
        As in :class:`StochasticDepth`.

    References
    ----------
    Veit et al. 2016, section 4.3: 23 of 54 modules for each mini-batch, so that the paths
    have the lengths that matter.
    """

    def __init__(self, place: int, *, lot: Lot, scaling: SurvivalScaling) -> None:
        super().__init__(lot.computed / lot.blocks, scaling=scaling)
        self.place, self.lot = place, lot

    def survives(self) -> bool:
        """Tell whether the branch is computed; outside training it always is."""
        return not self.training or self.lot.draws(self.place, self.generator)

    def extra_repr(self) -> str:
        """Show the settings in the printed module."""
        return f"{self.lot.computed} of {self.lot.blocks} blocks, scaling={self.scaling.value}"


def branch_droppers(
    blocks: int, *, survival: float, blocks_per_batch: int | None, scaling: SurvivalScaling
) -> list[StochasticDepth | None]:
    """Return for each block of a network what leaves its branch out; None where nothing does.

    Parameters
    ----------
    blocks : int
        L.
    survival : float
        Of the last block under stochastic depth; 1 for none.
    blocks_per_batch : int or None
        Blocks that every mini-batch computes; None for all.
    scaling : SurvivalScaling
        Of either.
    """
    if blocks_per_batch is not None:
        lot = Lot(blocks_per_batch, of=blocks)
        return [BlocksPerBatch(place, lot=lot, scaling=scaling) for place in range(blocks)]
    probabilities = survival_probabilities(blocks, survival)
    return [StochasticDepth(p, scaling=scaling) if p < 1 else None for p in probabilities]


def has_random_layers(network: nn.Module) -> bool:
    """Tell whether the forward pass of a network draws random numbers in training."""
    random = (StochasticDepth, nn.modules.dropout._DropoutNd)
    return any(isinstance(module, random) for module in network.modules())


def seed_of(*parts: int) -> int:
    """Return a seed of 64 bits that is a function of ``parts``, each at least 0."""
    # one entry more, for trailing zeros do not count in a seed sequence
    return int(np.random.SeedSequence((*parts, 1)).generate_state(1, np.uint64)[0])


@contextmanager
def seeded_draws(*parts: int, device: torch.device) -> Iterator[None]:
    """Let the random layers draw from a state that is a function of ``parts`` alone.

    The global generators of the CPU and of ``device`` are set for the time of the block and put
    back afterwards; those of other devices are not touched.

    Parameters
    ----------
    *parts : int
        At least 0, such as seed, epoch and batch.
    device : torch.device
        Where the network runs.

    Examples
    --------
    >>> def draw(*parts):
    ...     with seeded_draws(*parts, device=torch.device("cpu")):
    ...         return torch.rand(()).item()
    >>> draw(0, 1, 2) == draw(0, 1, 2), draw(0, 1, 2) == draw(0, 1, 3)
    (True, False)
    """
    value = seed_of(*parts)
    index = torch.empty(0, device=device).get_device()
    forked = [] if device.type == "cpu" else [index]
    with torch.random.fork_rng(devices=forked, device_type=device.type):
        torch.default_generator.manual_seed(value)
        if device.type == "cuda":
            torch.cuda.default_generators[index].manual_seed(value)
        elif device.type == "mps":
            torch.mps.manual_seed(value)
        yield
