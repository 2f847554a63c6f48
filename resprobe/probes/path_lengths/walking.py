"""Single paths, pulled back one after the other; what neighbours share is computed once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch import Tensor

from resprobe.probes.path_lengths.scaled import EVERY, Scaled
from resprobe.probes.path_lengths.tape import Place, Tape

__all__ = ["walk_paths"]


def walk_paths(tape: Tape, branches: np.ndarray) -> Iterator[tuple[int, Tensor]]:
    """Yield the number of every path and the norm, (images,) float64, of its gradient.

    At most one cotangent a block waits at a time.

    Parameters
    ----------
    branches : bool array of shape (paths, counted blocks)
        In which blocks each takes the branch, the last block's column first; different from
        one another and in lexicographic order.
    """
    turns = list(reversed(tape.places))
    waiting = [(0, 0, 0, len(branches), Scaled.of(tape.top, tape.images))]
    while waiting:
        turn, column, low, high, cotangent = waiting.pop()
        for number in range(turn, len(turns)):
            place = turns[number]
            if not place.counted:
                cotangent = Scaled(place.by_all(cotangent.value), cotangent.exponent)
                continue
            split = low + int(np.count_nonzero(~branches[low:high, column]))
            column += 1
            at_sum = Scaled(place.by_after(cotangent.value), cotangent.exponent)
            if low < split < high:
                taken = _step(place, at_sum, branch=True, column=column)
                waiting.append((number + 1, column, split, high, taken))
                high = split
            cotangent = _step(place, at_sum, branch=split == low, column=column)
        yield low, Scaled(tape.at_end(cotangent.value), cotangent.exponent).rescaled().norms()


def _step(place: Place, at_sum: Scaled, *, branch: bool, column: int) -> Scaled:
    pull = place.by_branch if branch else place.by_shortcut
    stepped = Scaled(pull(at_sum.value), at_sum.exponent)
    return stepped.rescaled() if column % EVERY == 0 else stepped
