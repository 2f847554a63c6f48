"""The command line: parse, call one public function, print.

Results go to stdout (a table, or one JSON object with ``--json``); notes, warnings and progress
go to stderr, animated only on a terminal. Exit codes: 0 done, 1 the work failed, 2 usage,
3 bad or missing input, 4 a file that is not what was written, 130 Ctrl-C, 143 SIGTERM.
Heavy libraries are imported inside the commands, so that ``--help`` is immediate.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

from resprobe.cli.say import note
from resprobe.errors import ResprobeError

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; leaves with the exit codes named above."""
    try:
        signal.signal(signal.SIGTERM, _terminated)
        _run(arguments)
    except ResprobeError as error:
        _leave(error.exit_code, str(error))
    except KeyboardInterrupt:
        _leave(130)
    except BrokenPipeError:
        _abandon_output()  # whoever read it has left; there is nobody to tell
        _leave(1)
    except OSError as error:
        _abandon_output()
        where = error.filename or "reading or writing failed"
        _leave(1, f"{where}: {error.strerror or error}")
    except (MemoryError, RuntimeError) as error:
        from resprobe.devices import is_out_of_memory

        if not is_out_of_memory(error):
            raise
        _leave(1, "out of memory; a smaller --batch-size or --width needs less")


def _run(arguments: list[str] | None) -> None:
    from resprobe.cli.app import command

    try:
        command()(args=arguments, prog_name="resprobe")
    finally:
        if sys.stdout is not None:  # as it is where the caller closed it
            sys.stdout.flush()  # or what cannot be written shows only while Python shuts down


def _leave(code: int, text: str = "") -> NoReturn:
    if text:
        note(text, quiet=False)
    raise SystemExit(code) from None


def _abandon_output() -> None:
    """Let what is still buffered go nowhere, or Python tries once more when it ends."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _terminated(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(143)
