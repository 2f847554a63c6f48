"""The newest state of a run that can be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from resprobe.checkpoints import Checkpoint, load
from resprobe.errors import InputError, IntegrityError, ResprobeError
from resprobe.training.checking import check_state, checked_rows
from resprobe.training.log import EpochRow
from resprobe.training.loop import Loop
from resprobe.training.places import Places, check_free
from resprobe.training.setting import Setting

__all__ = ["STATE_VERSION", "Saved", "machine", "newest"]

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
    machine : dict
        As :func:`machine` gave it then.
    watched_every : int or None
        Steps between two that were recorded; None for none.
    """

    path: Path
    rows: list[EpochRow]
    spent_s: float
    machine: dict[str, Any]
    watched_every: int | None

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
        if state is None or repr(state.get("version")) != repr(STATE_VERSION):
            raise InputError(
                f"{path}: a network without the state of its training that this version can go "
                "on from; choose another --out"
            )
        try:
            setting.check(state["setting"], path)
            check_state(state["loop"], loop)
            loop.model.load_state_dict(checkpoint.model.state_dict())
            loop.restore(state["loop"])
            rows = checked_rows(state["rows"], loop)
            return cls(
                path=path,
                rows=rows,
                spent_s=max(0.0, float(state["spent_s"])),
                machine={str(k): v for k, v in state["machine"].items()},
                watched_every=state["watched_every"],
            )
        except ResprobeError:
            raise
        except (LookupError, TypeError, ValueError, RuntimeError, AttributeError) as error:
            raise InputError(f"{path}: holds no usable state of a training ({error})") from error

    @property
    def differences(self) -> str:
        """What differs on this machine, so that bits may differ; "" for nothing."""
        now = machine()
        return ", ".join(
            f"{name} {self.machine.get(name)}, now {now[name]}"
            for name in now
            if self.machine.get(name) != now[name]
        )


def machine() -> dict[str, str | int]:
    """Return what the bits of a training depend on besides its setting."""
    return {"torch": str(torch.__version__), "threads": torch.get_num_threads()}


def newest(places: Places, say: Callable[[str], None]) -> Checkpoint | None:
    """Read the newest state that is whole; None where there is no run at all.

    Raises
    ------
    IntegrityError
        If there are files of a run and no state among them that can be read.
    """
    problems = []
    for path in places.states:
        try:
            checkpoint = load(path)
        except ResprobeError as error:
            problems.append(str(error))
            continue
        if path == places.previous:
            why = problems[0] if problems else f"{places.last}: not there"
            say(f"{why.partition(', so ')[0]}; going on from the state before it, {path}")
        return checkpoint
    if problems:
        raise IntegrityError(
            f"{'; '.join(problems)}; no state is left to go on from: choose another --out, or give "
            f"up what is there ({places.best.name} too) with --overwrite"
        )
    if places.best.exists():
        raise InputError(
            f"{places.best}: no {places.last.name} beside it to go on from; choose another --out, "
            "or replace it with --overwrite"
        )
    check_free(places.log, places.notes)
    return None
