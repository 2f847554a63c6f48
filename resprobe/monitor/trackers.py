"""Experiment trackers: TensorBoard, and objects that log like a run of Weights & Biases."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from resprobe.errors import UsageError
from resprobe.monitor.rows import FIGURES, Row

__all__ = ["RunTracker", "TensorBoard", "Tracker", "tracked"]


class Tracker(Protocol):
    """Whatever takes named numbers of a step."""

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Take the numbers of one step; names are ``layer1.0/ratio`` and the like."""


def tracked(rows: Sequence[Row]) -> dict[str, float]:
    """Name the figures of one step's rows; those that were not measured (NaN) are left out.

    Examples
    --------
    >>> row = {"name": "layer1.0", **dict.fromkeys(FIGURES, math.nan), "ratio": 0.5}
    >>> tracked([row])
    {'layer1.0/ratio': 0.5}
    """
    return {
        f"{row['name']}/{figure}": float(row[figure])
        for row in rows
        for figure in FIGURES
        if not math.isnan(float(row[figure]))
    }


class TensorBoard:
    """Writes scalars by a ``SummaryWriter``.

    Parameters
    ----------
    writer : SummaryWriter, str or Path
        An open writer, which stays the caller's to close; or a folder, for which one is made
        (with the extra ``resprobe[tracking]``).

    Raises
    ------
    UsageError
        If a folder is given and TensorBoard is not installed.
    """

    def __init__(self, writer: Any) -> None:
        self.writer = _writer_at(Path(writer)) if isinstance(writer, str | Path) else writer

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Write the numbers of one step."""
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)
        self.writer.flush()


def _writer_at(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise UsageError(
            "TensorBoard is not installed; install resprobe[tracking], or write a .csv"
        ) from error
    return SummaryWriter(str(folder))


class RunTracker:
    """Logs to an object with ``log(values, step=step)``, such as what ``wandb.init()`` returns.

    Parameters
    ----------
    run : object
        The run. Trackers of this kind take steps in rising order alone: where other code logs
        to it too, let both count the same steps.
    """

    def __init__(self, run: Any) -> None:
        self.run = run

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Log the numbers of one step."""
        self.run.log(dict(values), step=step)
