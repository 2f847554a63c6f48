"""The files that a training run leaves, and the table of its epochs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from resprobe.errors import UsageError
from resprobe.files import prepare_folder, written_atomically

__all__ = ["EpochRow", "Places", "as_frame", "write_log"]


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
    duration_s : float
        Seconds for training and validation, without writing files.
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
    duration_s: float

    def figures(self) -> dict[str, float | int | str]:
        """Return what a checkpoint of this epoch keeps; without validation, none of it."""
        kept = {
            name: value
            for name, value in asdict(self).items()
            if name.startswith(("train_", "validation_"))
        }
        if not self.validation_n:
            kept = {name: value for name, value in kept.items() if name.startswith("train_")}
        return kept


def as_frame(rows: Sequence[EpochRow]) -> pd.DataFrame:
    """Return the epochs as a frame, one row each."""
    return pd.DataFrame([asdict(row) for row in rows])


def write_log(path: Path, rows: Sequence[EpochRow]) -> None:
    """Write all epochs so far as CSV; the file is whole at any time."""
    with written_atomically(path) as file:
        file.write(as_frame(rows).to_csv(index=False, lineterminator="\n").encode())


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where the best checkpoint, the last one and the log go."""

    best: Path
    last: Path
    log: Path

    @classmethod
    def beside(cls, out: str | Path) -> Places:
        """Return ``r56.pt``, ``r56-last.pt`` and ``r56.csv`` for ``r56.pt``, in a usable folder.

        Raises
        ------
        UsageError
            If ``out`` is a folder, or has the log's suffix.
        ResprobeError
            If the folder cannot be made or written.
        """
        out = Path(out)
        if out.is_dir() or not out.name:
            raise UsageError(f"{out}: a folder; name the checkpoint's file, such as {out}/net.pt")
        if out.suffix == ".csv":
            raise UsageError(f"{out}: .csv is the log's suffix; name the checkpoint .pt")
        prepare_folder(out.parent)
        last = out.with_name(f"{out.stem}-last{out.suffix}")
        return cls(best=out, last=last, log=out.with_suffix(".csv"))
