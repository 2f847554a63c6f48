"""One lesion: its program and what tables say of it; and what a study of many is."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from resprobe.chain import Chain, Program, intact, without
from resprobe.errors import InputError, UsageError

__all__ = [
    "Lesion",
    "OneRound",
    "Round",
    "Rounds",
    "Study",
    "at_least_one",
    "deletable",
    "delete",
    "untouched",
]


@dataclass(frozen=True, kw_only=True)
class Lesion:
    """A network that was tampered with.

    Attributes
    ----------
    label : str
        What tables call it, such as ``delete:3+7``.
    program : Program or None
        What to run; None where the chain's shapes do not allow it.
    blocks : tuple of int
        The blocks that are touched.
    k : int
        Deletions or swaps.
    draw : int
        Number of the draw, where it is drawn.
    times, alpha, kendall_tau
        Of a repetition, a scaled branch and a re-ordering; 0 and NaN elsewhere.
    parts : tuple of str
        Labels of the lesions that it is made of: its interaction is what it does beyond them.
    """

    label: str
    program: Program | None
    blocks: tuple[int, ...] = ()
    k: int = 1
    draw: int = 0
    times: int = 0
    alpha: float = math.nan
    kendall_tau: float = math.nan
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Round:
    """Lesions that are measured together.

    Attributes
    ----------
    lesions : list of Lesion
        After the intact network, which is always measured and not among them.
    selection : bool
        Whether the images to choose by are meant, and not those to report.
    """

    lesions: list[Lesion]
    selection: bool = False


Rounds = Generator[Round, Sequence[float], None]


@dataclass(frozen=True)
class Study(ABC):
    """Which lesions to make; a frozen dataclass of settings.

    Attributes
    ----------
    name : str
        What the command line and the tables call it.
    """

    name: ClassVar[str]

    @abstractmethod
    def rounds(self, chain: Chain, generator: np.random.Generator) -> Rounds:
        """Yield rounds of lesions; a study that chooses is sent what each cost (mean loss)."""

    @property
    def settings(self) -> dict[str, Any]:
        """What a result says of it: the fields."""
        return asdict(self)


@dataclass(frozen=True)
class OneRound(Study):
    """A study whose lesions are known before any is measured."""

    @abstractmethod
    def lesions(self, chain: Chain, generator: np.random.Generator) -> Iterable[Lesion]:
        """Yield the lesions."""

    def rounds(self, chain: Chain, generator: np.random.Generator) -> Rounds:
        """Yield all lesions at once."""
        yield Round(list(self.lesions(chain, generator)))


def at_least_one(what: str, number: int) -> None:
    """Raise UsageError if there is less than one of what a study wants some of."""
    if number < 1:
        raise UsageError(f"the number of {what} is at least 1; got {number}")


def untouched(chain: Chain, **more: Any) -> Lesion:
    """Return the intact network as the lesion of nothing."""
    return Lesion(label="intact", program=intact(chain), k=0, **more)


def delete(chain: Chain, blocks: Sequence[int], **more: Any) -> Lesion:
    """Return the deletion of blocks, in the order in which tables name them."""
    label = "delete:" + "+".join(map(str, blocks))
    possible = all(chain.blocks[block].deletable for block in blocks)
    program = without(chain, blocks) if possible else None
    return Lesion(label=label, program=program, blocks=tuple(blocks), k=len(blocks), **more)


def deletable(chain: Chain, *, study: str, transitions: bool = True) -> list[int]:
    """Return the blocks that several of can be deleted.

    Raises
    ------
    InputError
        If there are fewer than two.
    """
    found = [
        number
        for number, block in enumerate(chain.blocks)
        if block.deletable and (transitions or block.kind == "identity")
    ]
    if len(found) < 2:
        which = "" if transitions else " apart from transitions"
        raise InputError(
            f"the study '{study}' deletes several blocks and the network has {len(found)} that "
            f"can be deleted{which}; choose the study single"
        )
    return found
