"""Evaluation in the midst of a training, whose figures must be finite."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import nn

from resprobe.datasets import Batches
from resprobe.training.divergence import ONLY_THE_LOSS, Diverged, culprit
from resprobe.training.evaluate import Evaluation, evaluate
from resprobe.training.loop import Loop

__all__ = ["finite"]


def finite(
    loop: Loop, model: nn.Module, batches: Batches, *, between: Callable[[], None]
) -> Evaluation:
    """Evaluate a network of a loop's run: the one under training, or one that was kept.

    Raises
    ------
    Diverged
        If the loss is not finite, with the first layer that went wrong in eval mode.
    """
    seen = evaluate(model, batches, between=between, world=loop.world)
    if math.isfinite(seen.loss):
        return seen
    model.eval()
    clauses = [culprit(model, x) for x, _ in batches]
    where = next((clause for clause in clauses if clause != ONLY_THE_LOSS), ONLY_THE_LOSS)
    raise Diverged(
        f"the {batches.data.split} loss is {seen.loss}",
        iteration=loop.iteration,
        rate=loop.learning_rate,
        where=where,
    )
