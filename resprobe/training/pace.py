"""What happens between the steps of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from resprobe.errors import ResprobeError
from resprobe.training.loop import Progress

__all__ = ["Pace", "Stopped"]


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
