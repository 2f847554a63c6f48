"""A long run that is asked to stop: it saves first, and is killed only at the second time."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

__all__ = ["Asked", "asked_to_stop"]


class Asked:
    """Whether SIGTERM or Ctrl-C came; call it to know."""

    def __init__(self) -> None:
        self.number: int | None = None

    def __call__(self) -> bool:
        """Tell whether one came."""
        return self.number is not None

    @property
    def exit_code(self) -> int:
        """128 and the signal's number, as shells have it: 143 or 130."""
        return 128 + (self.number or signal.SIGTERM)


@contextlib.contextmanager
def asked_to_stop() -> Iterator[Asked]:
    """Yield what says whether a signal to stop came; a second one stops at once."""
    asked = Asked()
    before: dict[int, object] = {}

    def put_back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def note(number: int, _frame: FrameType | None) -> None:
        asked.number = number
        put_back()

    for one in (signal.SIGTERM, signal.SIGINT):
        before[one] = signal.getsignal(one)
        signal.signal(one, note)
    try:
        yield asked
    finally:
        put_back()
