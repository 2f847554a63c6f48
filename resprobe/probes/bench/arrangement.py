"""Which block runs in which place, and which are left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from scipy.stats import kendalltau

from resprobe.chain import Call, Chain, Program, block_places
from resprobe.errors import InputError, UsageError
from resprobe.probes.lesions.making import Lesion

__all__ = ["Arrangement"]


@dataclass(frozen=True)
class Arrangement:
    """A network whose blocks were moved or deleted.

    Attributes
    ----------
    order : tuple of int
        By place: the block that runs there.
    deleted : frozenset of int
        Blocks whose branch is left out, wherever they stand.

    Examples
    --------
    >>> arrangement = Arrangement.intact(4).swapped(1, 2).toggled(3)
    >>> arrangement.order, arrangement.label
    ((0, 2, 1, 3), 'shuffle:1-2,delete:3')
    >>> arrangement.toggled(3).swapped(1, 2) == Arrangement.intact(4)
    True
    """

    order: tuple[int, ...]
    deleted: frozenset[int] = frozenset()

    @classmethod
    def intact(cls, blocks: int) -> Arrangement:
        """Return the network as it is."""
        return cls(tuple(range(blocks)))

    def toggled(self, block: int) -> Arrangement:
        """Delete a block, or put it back."""
        return replace(self, deleted=self.deleted ^ {block})

    def swapped(self, one: int, other: int) -> Arrangement:
        """Let the blocks in two places change places."""
        order = list(self.order)
        order[one], order[other] = order[other], order[one]
        return replace(self, order=tuple(order))

    @property
    def swaps(self) -> list[tuple[int, int]]:
        """The fewest swaps of places that, one after another, give the order."""
        return list(_swaps(self.order))

    @property
    def moved(self) -> list[int]:
        """The places in which another block runs than in the network as it is."""
        return [place for place, block in enumerate(self.order) if place != block]

    @property
    def label(self) -> str:
        """What tables call it, in the words of the studies; "intact" where nothing was done."""
        parts = []
        if self.moved:
            parts.append("shuffle:" + "+".join(f"{i}-{j}" for i, j in self.swaps))
        if self.deleted:
            parts.append("delete:" + "+".join(map(str, sorted(self.deleted))))
        return ",".join(parts) or "intact"

    def program(self, chain: Chain) -> Program:
        """Return the calls; links stay where they are."""
        places = block_places(chain)
        runs = {place: block for place, block in zip(places, self.order, strict=True)}
        return tuple(
            Call(places[runs[step]], 0.0 if runs[step] in self.deleted else 1.0)
            if step in runs
            else Call(step)
            for step in range(len(chain.steps))
        )

    def lesion(self, chain: Chain) -> Lesion:
        """Return it as the lesion studies name it."""
        tau = kendalltau(self.order, range(len(self.order))).statistic if self.moved else None
        return Lesion(
            label=self.label,
            program=self.program(chain),
            blocks=tuple(sorted({*self.moved, *self.deleted})),
            k=len(self.swaps) + len(self.deleted),
            kendall_tau=float("nan") if tau is None else float(tau),
        )

    def check(self, chain: Chain) -> None:
        """Raise unless the chain can be arranged so.

        Raises
        ------
        UsageError
            If a block is none of the chain's, or the order leaves one out.
        InputError
            If a block cannot be deleted, or cannot stand where it was put.
        """
        blocks = chain.blocks
        if sorted(self.order) != list(range(len(blocks))):
            raise UsageError(
                f"an order of the blocks has each number from 0 to {len(blocks) - 1} once; got "
                f"{_few(self.order)}"
            )
        for number in sorted(self.deleted):
            if not 0 <= number < len(blocks):
                raise UsageError(
                    f"block {number} was to be deleted and the network has blocks 0 to "
                    f"{len(blocks) - 1}"
                )
            if not blocks[number].deletable:
                raise InputError(
                    f"block {number} ({blocks[number].name}) has no shortcut and changes the "
                    "shape, so it cannot be deleted; choose another"
                )
        for place in self.moved:
            there, put = blocks[place], blocks[self.order[place]]
            if (there.in_shape, there.out_shape) != (put.in_shape, put.out_shape):
                raise InputError(
                    f"block {self.order[place]} takes {_shape(put.in_shape)} and gives "
                    f"{_shape(put.out_shape)}, and block {place} takes {_shape(there.in_shape)} "
                    f"and gives {_shape(there.out_shape)}; only blocks of one shape can be swapped"
                )


def _swaps(order: Sequence[int]) -> Iterator[tuple[int, int]]:
    current = list(range(len(order)))
    for place, block in enumerate(order):
        if current[place] != block:
            other = current.index(block)
            current[place], current[other] = current[other], current[place]
            yield place, other


def _shape(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))


def _few(order: Sequence[int]) -> str:
    """Return the beginning of an order, for a sentence."""
    return ", ".join(map(str, order[:12])) + (", ..." if len(order) > 12 else "")
