"""The command line: parse, call one public function, print.

Results go to stdout (a table, or one JSON object with ``--json``); notes, warnings and progress
go to stderr, animated only on a terminal. Exit codes: 0 done, 1 the work failed, 2 usage,
3 bad or missing input, 4 a file that is not what was written, 130 Ctrl-C, 143 SIGTERM.
Heavy libraries are imported inside the commands, so that ``--help`` is immediate.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

from resprobe.errors import ResprobeError

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; leaves with the exit codes named above."""
    from resprobe.cli.app import app

    signal.signal(signal.SIGTERM, _terminated)
    try:
        app(args=arguments, prog_name="resprobe")
    except ResprobeError as error:
        print(f"resprobe: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except BrokenPipeError:
        # whoever read our output has left; there is nobody to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except MemoryError:
        print("resprobe: out of memory; a smaller --batch-size needs less", file=sys.stderr)
        raise SystemExit(1) from None


def _terminated(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(143)
