"""What processes still tell each other when the group they were in no longer works."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from torch.distributed.distributed_c10d import Store

from resprobe.errors import ResprobeError, first_line

__all__ = ["ContactLost", "Survivors", "without_source"]

BEAT_S = 0.5
"""Seconds between two signs of life."""
LISTEN_S = 3.0
"""Seconds without one, and without an answer, after which a process counts as lost."""
LEADER_FIRST_S = 1.0
"""Seconds that rank 0 has to say what went wrong on all ranks alike."""


class ContactLost(ResprobeError):
    """Processes that do not find each other, or one that ends before the others (exit code 1)."""


class Survivors:
    """One process's way to tell who is lost, and who says it.

    While it is open, a thread counts up in the store that the processes share. Whoever fails
    claims the word in that store; all others then end in silence.

    Parameters
    ----------
    store : Store
        Of this run alone.
    rank, size : int
        Of this process, and how many there are.
    """

    def __init__(self, store: Store, *, rank: int, size: int) -> None:
        self.store, self.rank, self.size = store, rank, size
        self._closing = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="sign of life", daemon=True)

    def __enter__(self) -> Self:
        self._heart.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._heart.join()

    def _beat(self) -> None:
        with contextlib.suppress(RuntimeError):  # the store went down with its process
            while not self._closing.wait(BEAT_S):
                self.store.add(f"beats/{self.rank}", 1)

    def after_loss(self, error: BaseException) -> BaseException:
        """Return what this process ends with, once an exchange with the others has failed."""
        with _undisturbed():
            try:
                self.store.set(f"here/{self.rank}", "")
                if not self._speaks():
                    return SystemExit(ContactLost.exit_code)
                who = _named(self._missing(), self.size)
            except RuntimeError:
                where = f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')}"
                who = (
                    f"the process or machine where the {self.size} processes met, {where}, is gone"
                )
        return ContactLost(
            f"{who} ({without_source(error)}); start the same command again with --resume to go on "
            "from the last state that was saved"
        )

    def word_of(self, error: BaseException) -> BaseException:
        """Return what this process ends with, for an error of its own."""
        if isinstance(error, KeyboardInterrupt | SystemExit):
            return error  # all get the same signal, or the others tell who is missing
        try:
            if not isinstance(error, ResprobeError):
                self._speaks()  # with a traceback, whoever else has spoken
                return error
            if (self.rank and self._hears_of()) or not self._speaks():
                return SystemExit(error.exit_code)
        except RuntimeError:
            return error  # nobody can be asked
        if self.rank:
            error.args = (f"rank {self.rank}: {error}",)
        return error

    def _speaks(self) -> bool:
        """Tell whether this process is the first with something to say."""
        return bool(self.store.add("said", 1) == 1)

    def _hears_of(self) -> bool:
        """Tell whether another process says within a moment what went wrong."""
        end = time.monotonic() + LEADER_FIRST_S
        while not (said := self.store.check(["said"])) and time.monotonic() < end:
            time.sleep(0.05)
        return bool(said)

    def _missing(self) -> list[int]:
        """Return who neither lives nor answers; where all live, who does not answer.

        Some may wait yet for an exchange with this process, and cannot answer.
        """
        absent, before = list(range(self.size)), self._beats()
        end = time.monotonic() + LISTEN_S
        while absent and time.monotonic() < end:
            time.sleep(0.05)
            absent = [rank for rank in absent if not self.store.check([f"here/{rank}"])]
        now = self._beats()
        return [rank for rank in absent if now[rank] == before[rank]] or absent

    def _beats(self) -> list[int]:
        return [self.store.add(f"beats/{rank}", 0) for rank in range(self.size)]


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Let no SIGTERM in: launchers send it as soon as one process has died."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _named(ranks: list[int], size: int) -> str:
    if not ranks:
        return f"the {size} processes lost contact with each other"
    named = ", ".join(map(str, ranks))
    if len(ranks) == 1:
        return f"rank {named} of {size} has ended or no longer answers"
    return f"ranks {named} of {size} have ended or no longer answer"


def without_source(error: BaseException) -> str:
    """Return what an error says, without the place in its source that one of gloo begins with.

    Examples
    --------
    >>> without_source(RuntimeError("[/gloo/pair.cc:545] Connection closed. This is typically ..."))
    'Connection closed'
    """
    line = first_line(error)
    said = line.partition("] ")[2] if line.startswith("[/") else line
    return said.partition(". ")[0].rstrip(". ") or type(error).__name__
