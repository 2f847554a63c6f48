"""What can go wrong, said in one sentence, each kind with its exit code.

Every error that a user can cause derives from :class:`ResprobeError`. The command line
prints the sentence and leaves with ``exit_code``; from Python it is an ordinary exception.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "ChainError",
    "InputError",
    "IntegrityError",
    "ResprobeError",
    "UsageError",
    "first_line",
    "one_of",
]


class ResprobeError(Exception):
    """The work failed (exit code 1). The message says what was wanted, what came, what to do."""

    exit_code = 1


class UsageError(ResprobeError, ValueError):
    """A request that cannot be meant: an unknown name, an option out of range (exit code 2)."""

    exit_code = 2


class InputError(ResprobeError, ValueError):
    """A file or data set that is missing or is not what it should be (exit code 3)."""

    exit_code = 3


class ChainError(InputError):
    """A model that cannot be shown as a chain of blocks without guessing (exit code 3)."""


class IntegrityError(ResprobeError):
    """A file whose content is not what was written: truncated or changed (exit code 4)."""

    exit_code = 4


def first_line(error: BaseException) -> str:
    r"""Return the first line of an error's message, for a sentence.

    Examples
    --------
    >>> first_line(RuntimeError("It failed.\nSee the manual.")), first_line(ValueError())
    ('It failed', 'ValueError')
    """
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


def one_of(what: str, given: str, options: Iterable[str], *, hint: str = "") -> UsageError:
    """Build the error for a name that is none of ``options``, with the nearest one suggested.

    Examples
    --------
    >>> print(one_of("split", "tets", ["train", "test"]))
    unknown split 'tets': did you mean 'test'? Known: train, test
    """
    known = list(options)
    near = difflib.get_close_matches(given, known, n=1, cutoff=0.5)
    suggestion = f"did you mean '{near[0]}'? " if near else ""
    return UsageError(
        f"unknown {what} '{given}': {suggestion}{hint or 'Known: ' + ', '.join(known)}"
    )
