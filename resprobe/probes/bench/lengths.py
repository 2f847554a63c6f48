"""How long the paths are through the residual blocks that are left."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate

from resprobe.chain import Chain
from resprobe.probes.bench.arrangement import Arrangement
from resprobe.probes.path_lengths.law import path_counts

__all__ = ["PathLengths", "path_lengths"]


@dataclass(frozen=True)
class PathLengths:
    """The binomial law of path lengths: each block is passed by its branch or its shortcut.

    Attributes
    ----------
    blocks : int
        Residual blocks in which a path chooses, transitions among them.
    shares : tuple of float
        By length, from 0 to ``blocks``: the share of all paths, in [0, 1].
    low, high : int
        Of the lengths that 95 % of the paths have, or more: at most 2.5 % are shorter, and at
        most 2.5 % are longer.

    References
    ----------
    Veit et al. 2016, section 3.2 and figure 6a.

    Examples
    --------
    >>> law = PathLengths.of(54)
    >>> law.mean, law.low, law.high
    (27.0, 20, 34)
    >>> PathLengths.of(0).shares
    (1.0,)
    """

    blocks: int
    shares: tuple[float, ...]
    low: int
    high: int

    @property
    def mean(self) -> float:
        """The mean length: half of the blocks."""
        return self.blocks / 2

    @classmethod
    def of(cls, blocks: int) -> PathLengths:
        """Return the law for a number of blocks; without any, one path of length 0."""
        counts = path_counts(blocks) if blocks else [1]
        paths = 2**blocks
        # the share of paths up to a length, compared in whole numbers: 2.5 % is one in 40
        low = next(n for n, below in enumerate(accumulate(counts)) if 40 * below > paths)
        shares = tuple(float(Fraction(count, paths)) for count in counts)
        return cls(blocks, shares, low, blocks - low)


def path_lengths(chain: Chain, arrangement: Arrangement) -> PathLengths | None:
    """Return the law of the blocks that are left; None in a plain network, which has one path.

    A deleted block, a transition as well, leaves its shortcut: paths no longer choose there.
    """
    if chain.is_plain:
        return None
    return PathLengths.of(len(chain.blocks) - len(arrangement.deleted))
