"""What the command line prints, and where."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "about",
    "counted",
    "human_bytes",
    "human_count",
    "human_time",
    "note",
    "progress",
    "shortened",
    "some",
    "table",
]


def note(text: str, *, quiet: bool) -> None:
    """Print one line to stderr, unless quiet."""
    if not quiet and sys.stderr is not None:  # None, where the caller closed it, means stdout
        print(f"resprobe: {' '.join(text.splitlines())}", file=sys.stderr, flush=True)


def others_on_stderr() -> contextlib.AbstractContextManager[object]:
    """Send what a user's own model prints where notes go: stdout is for results."""
    return contextlib.redirect_stdout(sys.stderr)


@contextlib.contextmanager
def progress(title: str, *, quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    """Yield a callback (done, in all) that draws a bar with the time left, on a terminal only."""
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("elapsed"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def table(frame: pd.DataFrame) -> str:
    """Return a frame as aligned text, whole whatever the terminal's width."""
    return frame.to_string(index=False, na_rep="-")


def shortened(name: str) -> str:
    """Name a link that many modules lie in by the first and the last of them.

    Examples
    --------
    >>> shortened("conv1, bn1, maxpool")
    'conv1 ... maxpool'
    """
    first, *rest = name.split(", ")
    return f"{first} ... {rest[-1]}" if len(rest) > 1 else name


def some(names: Sequence[str], *, most: int = 4) -> str:
    """Return names joined for a sentence; how many more there are is said.

    Examples
    --------
    >>> some(["a", "b"]), some(list("abcdefgh"))
    ('a, b', 'a, b, c, d and 4 more')
    """
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def counted(n: int, thing: str) -> str:
    """Return a number of things for people.

    Examples
    --------
    >>> counted(1, "epoch"), counted(64000, "iteration")
    ('1 epoch', '64,000 iterations')
    """
    return f"{n:,} {thing}" if n == 1 else f"{n:,} {thing}s"


def about(seconds: float) -> str:
    """Return an estimated duration for people.

    Examples
    --------
    >>> about(0.2), about(75)
    ('under 1 s', 'about 1 min 15 s')
    """
    return human_time(seconds) if seconds < 1 else f"about {human_time(seconds)}"


def human_time(seconds: float) -> str:
    """Return a duration for people.

    Examples
    --------
    >>> human_time(0.2), human_time(75), human_time(7300)
    ('under 1 s', '1 min 15 s', '2 h 1 min')
    """
    if seconds < 1:
        return "under 1 s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes else f"{rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def human_count(number: float) -> str:
    """Return a large number for people, in millions or billions.

    Examples
    --------
    >>> human_count(125_485_706), human_count(4_089_184_256)
    ('125.49 M', '4.089 G')
    """
    return f"{number / 1e6:,.2f} M" if number < 1e9 else f"{number / 1e9:,.3f} G"


def human_bytes(size: float) -> str:
    """Return a size for people.

    Examples
    --------
    >>> human_bytes(2_500_000_000)
    '2.3 GiB'
    """
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
