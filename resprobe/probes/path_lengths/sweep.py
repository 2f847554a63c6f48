"""One sweep down the blocks that carries the gradients of all path lengths side by side.

With D the derivative of the activation after the sum, a block turns the stack of cotangents
C[0..k], one for each number of branches passed, into ``C'[k] = J_s^T D C[k] + J_F^T D C[k-1]``.
At the end C[k] is the gradient that all paths of length k carry together, and the stack adds up
to the gradient. With an independent random sign at every branch, the products of signs of two
different paths are uncorrelated, so that ``E ||C[k]||**2`` is the sum over all paths of length
k of their squared norms.
"""

from __future__ import annotations

import torch
from torch import Tensor

from resprobe.errors import ResprobeError
from resprobe.probes.path_lengths.scaled import EVERY, Scaled, levelled, per_image, power_of_two
from resprobe.probes.path_lengths.tape import Place, Tape

__all__ = ["check_sum", "sweep"]


def sweep(tape: Tape, signs: Tensor | None = None) -> list[Scaled]:
    """Return the gradients by path length, from 0 to the number of counted blocks.

    Parameters
    ----------
    signs : Tensor, optional
        (counted blocks, images), the factor on each branch, the first block's first; 1 by
        default.
    """
    levels = [Scaled.of(tape.top, tape.images)]
    below = tape.counted
    for place in reversed(tape.places):
        if not place.counted:
            levels = [Scaled(place.by_all(c.value), c.exponent) for c in levels]
            continue
        below -= 1
        levels = _through(place, levels, None if signs is None else signs[below])
        if below % EVERY == 0:
            levels = levelled(levels)
    return [Scaled(tape.at_end(c.value), c.exponent).rescaled() for c in levels]


def _through(place: Place, levels: list[Scaled], sign: Tensor | None) -> list[Scaled]:
    """Pull the stack through one block; what comes in is let go level by level."""
    longest = levels.pop()
    at_sum, exponent = place.by_after(longest.value), longest.exponent
    through = [Scaled(_signed(place.by_branch(at_sum), sign), exponent)]
    while levels:
        shorter = levels.pop()
        shorter_at_sum = place.by_after(shorter.value)
        factor = power_of_two(shorter.exponent - exponent)
        by_branch = place.by_branch(shorter_at_sum)
        by_branch = _signed(by_branch, factor if sign is None else factor * sign)
        through.append(Scaled(by_branch.add_(place.by_shortcut(at_sum)), exponent))
        at_sum, exponent = shorter_at_sum, shorter.exponent
    through.append(Scaled(place.by_shortcut(at_sum), exponent))
    return through[::-1]


def _signed(cotangent: Tensor, factor: Tensor | None) -> Tensor:
    return cotangent if factor is None else cotangent * per_image(factor, cotangent)


def check_sum(levels: list[Scaled], whole: Tensor) -> None:
    """Raise ResprobeError unless the stack adds up to the gradient, image by image, to 1e-5."""
    total = sum((level.doubled() for level in levels), torch.zeros((), dtype=torch.float64))
    expected = whole.cpu().double()
    gap = (total - expected).flatten(1).norm(dim=1)
    norms = expected.flatten(1).norm(dim=1)
    if not (gap <= 1e-5 * norms).all():
        worst = float((gap / norms).nan_to_num(0).max())
        raise ResprobeError(
            f"the path gradients add up to the whole gradient only to {worst:.1e} relative, not "
            "to 1e-5: paths of different lengths cancel beyond float32's precision"
        )
