"""Networks as short texts: ``NAME:option=value:option=value``."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from resprobe.errors import UsageError, one_of
from resprobe.networks.rules import ENUMS, EXAMPLE, NUMBERS, SIZES, USUAL, WHOLE
from resprobe.networks.zoo import member

if TYPE_CHECKING:
    from resprobe.networks.architecture import Architecture

__all__ = ["OPTIONS", "read", "with_width", "written"]

OPTIONS = ("width", *(field for field in USUAL if field not in SIZES))
"""The fields that stand in a text, in this order."""


def written(network: Architecture) -> str:
    """Return the text of a network: its name, and each option that is not the usual one."""
    parts = [network.name]
    for option in OPTIONS:
        value = getattr(network, option)
        if value != USUAL[option](network):
            parts.append(f"{option}={_text(value)}")
    return ":".join(parts)


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return "+".join(map(str, value))
    return str(value.value if isinstance(value, StrEnum) else value)


def read(text: str) -> tuple[str, dict[str, Any]]:
    """Return the name and the options of a text.

    Raises
    ------
    UsageError
        If the name or an option is unknown, or a value is none.

    Examples
    --------
    >>> read("resnet110:survival=0.5")
    ('resnet110', {'survival': 0.5})
    """
    name, *parts = text.strip().split(":")
    member(name)
    options: dict[str, Any] = {}
    for part in parts:
        option, equals, value = (piece.strip() for piece in part.partition("="))
        if option not in OPTIONS:
            raise one_of(f"option of {name}", option, OPTIONS)
        if not equals or not value:
            raise UsageError(f"option '{part}' of {name} has no value; write {option}=VALUE")
        if option in options:
            raise UsageError(f"option {option} of {name} is given twice; give it once")
        options[option] = _read(option, value, name)
    return name, options


def _read(option: str, value: str, name: str) -> Any:
    if option == "drop":
        return _blocks(value, name)
    return value if option in ENUMS else _number(option, value, name)


def _blocks(value: str, name: str) -> tuple[int, ...]:
    try:
        return tuple(int(block) for block in value.split("+"))
    except ValueError:
        raise UsageError(
            f"drop of {name} must be block numbers, such as {EXAMPLE}; got '{value}'"
        ) from None


def _number(option: str, value: str, name: str) -> int | float:
    kind = int if option in WHOLE else float
    try:
        return kind(value)
    except ValueError:
        wanted = "a whole number >= 1" if option in WHOLE else f"a number, {NUMBERS[option][0]}"
        raise UsageError(f"{option} of {name} must be {wanted}; got '{value}'") from None


def with_width(options: dict[str, Any], width: int, text: str) -> dict[str, Any]:
    """Add a width that was given beside the text.

    Raises
    ------
    UsageError
        If the text says another one.
    """
    if options.get("width", width) != width:
        raise UsageError(f"'{text}' and a width of {width} contradict each other; give one")
    return {**options, "width": width}
