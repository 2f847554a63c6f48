"""What happens between the steps of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from resprobe.errors import ResprobeError

__all__ = ["Pace", "Progress", "Stopped"]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a training run stands after an iteration.

    Parameters
    ----------
    epoch, epochs : int
        The epoch under way, from 1, and how many there are.
    iteration, iterations : int
        Iterations done, and how many there are.
    loss, error : float
        Mean over the images of this epoch so far, as they were learnt from.
    learning_rate : float
        Of this iteration.
    """

    epoch: int
    epochs: int
    iteration: int
    iterations: int
    loss: float
    error: float
    learning_rate: float


class Stopped(ResprobeError):
    """A training that was asked to stop and has saved where it is."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """What happens between the steps of a run.

    Parameters
    ----------
    progress : callable
        Told where it stands after every step.
    stop : callable
        Asked after every step, and every batch of an evaluation, whether to save and stop.
    save_every_s : float
        Seconds after which the state is saved within an epoch; at an epoch's end it always is.
    """

    progress: Callable[[Progress], None] = lambda _: None
    stop: Callable[[], bool] = lambda: False
    save_every_s: float = 900.0
