"""A reader's own look: settings of matplotlib that lie over those of these figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import MappingProxyType
from typing import Any

import matplotlib as mpl
from matplotlib import style

from resprobe.errors import InputError, ResprobeError, UsageError, first_line

__all__ = ["Look", "overrides", "read_look", "styled"]

Look = str | Path | Mapping[str, Any]
"""A style sheet of matplotlib, by its path or the name of one that matplotlib brings along, or
settings (rcParams) by their names."""

_FOREIGN = ("backend", "backend_fallback", "interactive", "text.usetex")
"""Settings that are no matter of looks, or would make labels something else than text."""

_RANGES = (
    (("dpi",), 10, 1200),
    (("font.size", "labelsize", "titlesize", "fontsize", "title_fontsize"), 1, 40),
    (("width", "markersize", ".size"), 0, 40),
    (("pad",), -40, 40),
)
"""Ends of settings' names, and the numbers between which a figure can be drawn with them."""

_OVER: ContextVar[Mapping[str, Any]] = ContextVar("look", default=MappingProxyType({}))


@contextmanager
def styled(look: Look) -> Iterator[None]:
    """Draw the figures inside the block with a look of one's own.

    What ``look`` sets lies over the settings of these figures, all else stays: fonts, sizes,
    line widths, ``text.color`` and ``figure.facecolor``, ``savefig.dpi``, and with
    ``axes.prop_cycle`` the colours, markers and line styles of the networks. ``font.size``
    scales all text that has no size of its own in ``look``, ``lines.linewidth`` all lines. A
    figure keeps its look when it is saved later. Blocks may be nested; nothing of matplotlib is
    changed beyond them.

    Parameters
    ----------
    look : str, Path or mapping
        A style sheet of matplotlib (``mine.mplstyle``), the name of one that matplotlib brings
        along (``grayscale``), or settings by their names in ``matplotlib.rcParams``.

    Raises
    ------
    InputError
        If the style sheet is missing or is none.
    UsageError
        If a setting of the mapping does not exist or has a value that it cannot have.

    Examples
    --------
    >>> from resprobe.figures.theme import style
    >>> with styled({"axes.prop_cycle": "cycler(color=['black'])"}):
    ...     style(0).colour
    '#000000'
    """
    token = _OVER.set({**_OVER.get(), **read_look(look)})
    try:
        yield
    finally:
        _OVER.reset(token)


def overrides() -> Mapping[str, Any]:
    """Return the settings that lie over those of these figures now."""
    return _OVER.get()


def read_look(look: Look) -> dict[str, Any]:
    """Return the settings of a look, each checked.

    Raises
    ------
    InputError, UsageError
        As :func:`styled`.
    """
    if isinstance(look, Mapping):
        return _checked(look)
    if isinstance(look, str) and look in style.available:
        return _looks_only(dict(style.library[look].items()), look)
    return _read_sheet(Path(look))


def _checked(settings: Mapping[str, Any]) -> dict[str, Any]:
    try:
        found = mpl.RcParams(settings)
    except (KeyError, ValueError, TypeError) as error:
        raise UsageError(f"no look can be made of these settings: {_reason(error)}") from error
    return _looks_only(dict(found.items()), "these settings", UsageError)


def _read_sheet(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        hint = "give a style sheet of matplotlib, or the name of one, such as grayscale"
        raise InputError(f"{path}: no style sheet there ({error.strerror}); {hint}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a style sheet of matplotlib (no UTF-8 text)") from error
    _check_lines(path, text)
    try:
        found = mpl.rc_params_from_file(path, fail_on_error=True, use_default_template=False)
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path}: {_reason(error)}") from error
    return _looks_only(dict(found.items()), str(path))


def _check_lines(path: Path, text: str) -> None:
    """Refuse what matplotlib would pass over with a warning."""
    names: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        name, colon, _ = line.partition("#")[0].partition(":")
        if not name.strip():
            continue
        if not colon or name.strip() not in mpl.rcParams:
            raise InputError(
                f"{path}: line {number}, '{name.strip()[:40]}', is no setting of matplotlib; "
                "a style sheet has lines such as 'font.size: 9'"
            )
        names.append(name.strip())
    name, times = Counter(names).most_common(1)[0] if names else ("", 0)
    if times > 1:
        raise InputError(f"{path}: '{name}' is set {times} times; keep one of them")


def _looks_only(
    settings: Mapping[str, Any], source: str, error: type[ResprobeError] = InputError
) -> dict[str, Any]:
    foreign = [name for name in _FOREIGN if settings.get(name)]
    if foreign:
        raise InputError(f"{source}: '{foreign[0]}' cannot be part of a figure's look; take it out")
    for name, value in settings.items():
        _check_size(name, value, source, error)
    return {name: settings[name] for name in settings if name not in _FOREIGN}


def _check_size(name: str, value: object, source: str, error: type[ResprobeError]) -> None:
    """Refuse a size that no figure can be drawn with, or no memory would hold."""
    if not isinstance(value, int | float):
        return
    for ends, low, high in _RANGES:
        if not name.endswith(ends):
            continue
        if not low <= value <= high:
            raise error(f"{source}: '{name}' goes from {low} to {high} here; got {value:g}")
        return


def _reason(error: Exception) -> str:
    return first_line(error).strip("\"'")
