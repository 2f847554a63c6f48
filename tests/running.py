"""The command line, run in this process: as a user's shell runs it, but for the start."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from typing import Any

from resprobe.cli import main


@dataclass(frozen=True)
class Ran:
    """What a command left with, and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object on stdout; anything else there is an error."""
        found, end = json.JSONDecoder(parse_constant=_not_json).raw_decode(self.out)
        assert self.out[end:] == "\n"
        return found

    @property
    def notes(self) -> list[str]:
        """The lines on stderr."""
        return self.err.splitlines()


def _not_json(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def run(*arguments: object, stderr: io.StringIO | None = None) -> Ran:
    out, err = io.StringIO(), stderr or io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main([str(argument) for argument in arguments])
            code = -1  # main always leaves with a code
        except SystemExit as left:
            code = left.code
    return Ran(code, out.getvalue(), err.getvalue())
