"""The studies: which lesions are made of a network.

Each is a frozen dataclass of settings, given to :func:`resprobe.lesion` as ``study``. What is
drawn at random comes from a generator that the seed alone decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar

import numpy as np

from resprobe.chain import Chain, repeated, scaled
from resprobe.errors import InputError, UsageError
from resprobe.probes.lesions.greedy import Greedy
from resprobe.probes.lesions.making import (
    Lesion,
    OneRound,
    Study,
    at_least_one,
    deletable,
    delete,
)
from resprobe.probes.lesions.shuffling import Shuffle

__all__ = [
    "STUDIES",
    "Greedy",
    "Layers",
    "Pairs",
    "Random",
    "Repeat",
    "Scale",
    "Shuffle",
    "Single",
    "Study",
]


@dataclass(frozen=True)
class Single(OneRound):
    """Delete every block in turn.

    References
    ----------
    Veit et al. 2016, "Residual Networks Behave Like Ensembles of Relatively Shallow
    Networks", figures 3 and 4.

    Examples
    --------
    >>> import torch
    >>> from resprobe import Architecture, unravel
    >>> chain = unravel(Architecture("resnet8").build(), torch.zeros(2, 3, 32, 32))
    >>> [lesion.label for lesion in Single().lesions(chain, np.random.default_rng(0))]
    ['delete:0', 'delete:1', 'delete:2']
    """

    name: ClassVar[str] = "single"

    def lesions(self, chain: Chain, generator: np.random.Generator) -> Iterator[Lesion]:  # noqa: ARG002
        """Yield one deletion per block; without a program where the shape forbids it."""
        for number in range(len(chain.blocks)):
            yield delete(chain, [number])


@dataclass(frozen=True)
class Layers(Single):
    """Delete every layer of a plain network in turn, every block of a residual one.

    For a chain that ``unravel(model, example, layers=True)`` gave: its plain blocks are single
    weighted layers.

    References
    ----------
    Veit et al. 2016, figure 3: modules of a residual network against layers of a VGG.
    """

    name: ClassVar[str] = "layers"


@dataclass(frozen=True)
class Random(OneRound):
    """Delete k random blocks at a time, for k = 1 to ``most``.

    Parameters
    ----------
    most : int, optional
        By default 20, or all blocks that can be deleted where there are fewer.
    draws : int
        Sets for each k, drawn independently; the same set may come twice.
    transitions : bool
        Whether transitions may be among them.

    References
    ----------
    Veit et al. 2016, figure 5a.
    """

    most: int | None = None
    draws: int = 20
    transitions: bool = True
    name: ClassVar[str] = "random"

    def __post_init__(self) -> None:
        at_least_one("draws", self.draws)

    def lesions(self, chain: Chain, generator: np.random.Generator) -> Iterator[Lesion]:
        """Yield ``draws`` deletions of each size."""
        blocks = deletable(chain, study=self.name, transitions=self.transitions)
        for k in range(1, upper(self.most, len(blocks), self.name) + 1):
            for draw in range(self.draws):
                chosen = generator.choice(blocks, size=k, replace=False)
                yield delete(chain, sorted(map(int, chosen)), draw=draw)


@dataclass(frozen=True)
class Pairs(OneRound):
    """Delete every pair of blocks, and every block alone.

    The interaction of a pair is its rise of the error minus the rises of its two blocks.
    """

    name: ClassVar[str] = "pairs"

    def lesions(self, chain: Chain, generator: np.random.Generator) -> Iterator[Lesion]:  # noqa: ARG002
        """Yield the single deletions, then those of two."""
        blocks = deletable(chain, study=self.name)
        for number in range(len(chain.blocks)):
            yield delete(chain, [number])
        for pair in combinations(blocks, 2):
            yield delete(chain, pair, parts=tuple(f"delete:{number}" for number in pair))


@dataclass(frozen=True)
class Repeat(OneRound):
    """Apply one block several times in a row, for every block that keeps the shape.

    References
    ----------
    Jastrzebski et al. 2018, "Residual Connections Encourage Iterative Inference": the last
    block is unrolled.
    """

    times: tuple[int, ...] = (2, 3)
    name: ClassVar[str] = "repeat"

    def __post_init__(self) -> None:
        object.__setattr__(self, "times", tuple(self.times))
        for times in self.times or (0,):
            if not 2 <= times <= 1000:
                raise UsageError(f"a block is repeated 2 to 1000 times; got {self.times}")

    def lesions(self, chain: Chain, generator: np.random.Generator) -> Iterator[Lesion]:  # noqa: ARG002
        """Yield the repetitions; without a program where the shape changes."""
        for times in self.times:
            for number, block in enumerate(chain.blocks):
                keeps = block.in_shape == block.out_shape
                yield Lesion(
                    label=f"repeat:{number}x{times}",
                    program=repeated(chain, number, times) if keeps else None,
                    blocks=(number,),
                    times=times,
                )


@dataclass(frozen=True)
class Scale(OneRound):
    """Multiply the branch of one block at a time: 0 deletes it, 1 leaves it.

    A plain block goes in a straight line from its bypass at 0 to itself at 1.
    """

    alphas: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
    name: ClassVar[str] = "scale"

    def __post_init__(self) -> None:
        object.__setattr__(self, "alphas", tuple(map(float, self.alphas)))
        if not self.alphas or not np.isfinite(self.alphas).all():
            raise UsageError(f"a branch is multiplied by finite numbers; got {self.alphas}")

    def lesions(self, chain: Chain, generator: np.random.Generator) -> Iterator[Lesion]:  # noqa: ARG002
        """Yield every block with every factor; without a program where the shape forbids it."""
        for number, block in enumerate(chain.blocks):
            for alpha in self.alphas:
                yield Lesion(
                    label=f"scale:{number}x{alpha:g}",
                    program=scaled(chain, {number: alpha}) if block.deletable else None,
                    blocks=(number,),
                    alpha=alpha,
                )


def upper(most: int | None, blocks: int, study: str) -> int:
    """Return how many blocks are deleted at most.

    Raises
    ------
    InputError
        If there are not so many, or it is less than one.

    Examples
    --------
    >>> upper(None, 9, "random"), upper(None, 54, "random"), upper(3, 9, "random")
    (9, 20, 3)
    """
    if most is None:
        return min(blocks, 20)
    if not 1 <= most <= blocks:
        raise InputError(
            f"the study '{study}' was to delete up to {most} blocks and the network has {blocks} "
            f"that can be deleted; choose from 1 to {blocks}"
        )
    return most


STUDIES: dict[str, type[Study]] = {
    study.name: study for study in (Single, Layers, Random, Shuffle, Pairs, Greedy, Repeat, Scale)
}
"""By the names that the command line takes."""
