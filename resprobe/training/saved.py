"""The newest state of a run that can be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resprobe.checkpoints import Checkpoint, load
from resprobe.errors import InputError, IntegrityError, ResprobeError
from resprobe.training.log import EpochRow
from resprobe.training.loop import Loop
from resprobe.training.places import Places
from resprobe.training.setting import Setting

__all__ = ["STATE_VERSION", "Saved", "newest"]

STATE_VERSION = 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Saved:
    """A state of a run, from its file.

    Attributes
    ----------
    path : Path
        Where it was.
    rows : list of EpochRow
        The epochs that were complete.
    spent_s : float
        Seconds spent on the epoch under way.
    """

    path: Path
    rows: list[EpochRow]
    spent_s: float

    @classmethod
    def restored(cls, checkpoint: Checkpoint, loop: Loop, setting: Setting) -> Saved:
        """Put a loop where the run was when the checkpoint was written.

        Raises
        ------
        UsageError
            If it is a run of another setting.
        InputError
            If it holds no state, or one of no use.
        """
        path, state = checkpoint.path, checkpoint.state
        if state is None or state.get("version") != STATE_VERSION:
            raise InputError(
                f"{path}: a network without the state of its training that this version can go "
                "on from; choose another --out"
            )
        try:
            setting.check(state["setting"], path)
            _fill(loop, checkpoint, state["loop"])
            rows = [EpochRow(**row) for row in state["rows"]]
            return cls(path=path, rows=rows, spent_s=float(state["spent_s"]))
        except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
            if isinstance(error, ResprobeError):
                raise
            raise InputError(f"{path}: holds no usable state of a training ({error!r})") from error


def _fill(loop: Loop, checkpoint: Checkpoint, state: dict[str, Any]) -> None:
    loop.model.load_state_dict(checkpoint.model.state_dict())
    loop.restore(state)
    if not 1 <= loop.epoch <= loop.epochs + 1 or not 0 <= loop.iteration <= loop.iterations:
        raise ValueError(f"epoch {loop.epoch} and iteration {loop.iteration}")


def newest(places: Places, say: Callable[[str], None]) -> Checkpoint | None:
    """Read the newest state that is whole; None where there is no run at all.

    Raises
    ------
    IntegrityError
        If there are files of a run and no state among them that can be read.
    """
    there = [path for path in (places.last, places.previous) if path.exists()]
    problems = []
    for path in there:
        try:
            checkpoint = load(path)
        except ResprobeError as error:
            problems.append(str(error))
            continue
        for problem in problems:
            say(f"{problem}; going on from the state before it, {path}")
        return checkpoint
    if problems:
        raise IntegrityError(
            f"{'; '.join(problems)}; no state is left to go on from, so start again "
            "with --overwrite"
        )
    if places.best.exists():
        raise InputError(
            f"{places.best}: no {places.last.name} beside it to go on from; choose another --out, "
            "or replace it with --overwrite"
        )
    return None
