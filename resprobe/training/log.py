"""The table of a run's epochs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import pandas as pd

from resprobe.training.evaluate import Evaluation
from resprobe.training.loop import Loop

__all__ = ["EpochRow", "as_frame", "epoch_row"]


@dataclass(frozen=True, kw_only=True)
class EpochRow:
    """One epoch of one network.

    Parameters
    ----------
    network : str
        Its architecture.
    epoch, iteration : int
        How many were done when it ended.
    learning_rate : float
        Of its last iteration.
    train_loss, train_error : float
        Mean cross entropy in nats and fraction of wrong answers over the ``train_n`` images,
        augmented, in training mode, each at the moment it was learnt from.
    validation_loss, validation_error : float
        Over the ``validation_n`` images held out, not augmented, in eval mode; NaN without any.
    test_loss, test_error : float
        The same over the ``test_n`` test images, where the curve was asked for; nothing in a
        run depends on them.
    duration_s : float
        Seconds for training and evaluation, without writing files.
    """

    network: str
    epoch: int
    iteration: int
    learning_rate: float
    train_loss: float
    train_error: float
    train_n: int
    validation_loss: float
    validation_error: float
    validation_n: int
    test_loss: float
    test_error: float
    test_n: int
    duration_s: float

    def figures(self) -> dict[str, float | int | str]:
        """Return what a checkpoint of this epoch keeps: only what was measured."""
        measured = [kind for kind in ("train", "validation", "test") if getattr(self, f"{kind}_n")]
        return {
            name: value for name, value in asdict(self).items() if name.split("_")[0] in measured
        }


def epoch_row(
    network: str,
    loop: Loop,
    *,
    held_out: Evaluation | None,
    tested: Evaluation | None,
    duration_s: float,
) -> EpochRow:
    """Return the row of the epoch that a loop is through with."""
    return EpochRow(
        network=network,
        epoch=loop.epoch,
        iteration=loop.iteration,
        learning_rate=loop.learning_rate,
        train_loss=loop.tally.loss,
        train_error=loop.tally.error,
        train_n=loop.tally.n,
        validation_loss=math.nan if held_out is None else held_out.loss,
        validation_error=math.nan if held_out is None else held_out.error,
        validation_n=0 if held_out is None else held_out.n,
        test_loss=math.nan if tested is None else tested.loss,
        test_error=math.nan if tested is None else tested.error,
        test_n=0 if tested is None else tested.n,
        duration_s=duration_s,
    )


def as_frame(rows: Sequence[EpochRow]) -> pd.DataFrame:
    """Return the epochs as a frame, one row each."""
    return pd.DataFrame([asdict(row) for row in rows])
