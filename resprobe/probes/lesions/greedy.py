"""Which blocks to drop, one after another, for the least loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from resprobe.chain import Chain
from resprobe.errors import InputError
from resprobe.probes.lesions.making import (
    Round,
    Rounds,
    Study,
    at_least_one,
    deletable,
    delete,
)

__all__ = ["Greedy"]


@dataclass(frozen=True)
class Greedy(Study):
    """Drop the block whose deletion costs the least, then the next one, and so on.

    In each round every block that is left is tried on the images to choose by, and the one
    with the least mean loss (without labels: the least mean KL divergence from the intact
    network) is dropped for good. The networks with 1, 2, ... blocks dropped are then measured
    on the images to report: chosen and reported on the same images, the figures flatter.

    Parameters
    ----------
    most : int, optional
        Blocks to drop at most; all that can be deleted by default.
    """

    most: int | None = None
    name: ClassVar[str] = "greedy"

    def __post_init__(self) -> None:
        if self.most is not None:
            at_least_one("blocks to drop", self.most)

    def rounds(self, chain: Chain, generator: np.random.Generator) -> Rounds:  # noqa: ARG002
        """Yield a round of candidates for each block to drop, then what was chosen."""
        left, dropped = deletable(chain, study=self.name), list[int]()
        if self.most is not None and self.most > len(left):
            raise InputError(
                f"the study 'greedy' was to drop {self.most} blocks and the network has "
                f"{len(left)} that can be deleted; choose {len(left)} or fewer"
            )
        for _ in range(self.most or len(left)):
            costs = yield Round([delete(chain, [*dropped, b]) for b in left], selection=True)
            finite = np.where(np.isfinite(costs), costs, np.inf)
            if not np.isfinite(finite).any():
                raise InputError(
                    f"the study 'greedy' has no finite loss to go by, with {len(dropped)} blocks "
                    "dropped; choose fewer with --most, or check the weights"
                )
            dropped.append(left.pop(int(np.argmin(finite))))
        yield Round([delete(chain, dropped[:k]) for k in range(1, len(dropped) + 1)])
