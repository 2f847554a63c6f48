"""What changing some fields of a recipe means for the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from resprobe.errors import UsageError, one_of
from resprobe.training.fields import FIELDS, shown

if TYPE_CHECKING:
    from resprobe.training.recipe import Recipe

__all__ = ["completed", "from_text", "implied"]

_EITHER = (("iterations", "epochs"), ("warm_up_until_error", "warm_up_length"))
_COUNTED = ("milestones", "ramp", "warm_up_length")  # in the unit of the length


def from_text(changes: Mapping[str, object]) -> dict[str, object]:
    """Return values with texts read as their fields want them."""
    return {
        key: FIELDS[key].read(value) if isinstance(value, str) and key in FIELDS else value
        for key, value in changes.items()
    }


def completed(recipe: Recipe, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values and what they clear: of two that exclude each other, the other.

    Raises
    ------
    UsageError
        If there is no such field, or the length is given in the other unit without all that
        counts in it.
    """
    for key in values:
        if key not in FIELDS:
            hint = f"`resprobe recipe {recipe.name}` prints all of them"
            raise one_of("key of a recipe", shown(key).strip("'"), FIELDS, hint=hint)
    given = {key: value for key, value in values.items() if value not in (None, "none")}
    cleared = {other: None for other in _others(given) if other not in values}
    complete = {**values, **cleared}
    if recipe.unit in cleared:
        _check_counted(recipe, complete)
    return complete


def implied(recipe: Recipe) -> set[str]:
    """Return the fields that are None because another is set, and need not be written."""
    given = {key: value for key in FIELDS if (value := getattr(recipe, key)) is not None}
    return set(_others(given))


def _others(given: Mapping[str, object]) -> Iterator[str]:
    for pair in _EITHER:
        for one, other in (pair, pair[::-1]):
            if one in given:
                yield other


def _check_counted(recipe: Recipe, values: Mapping[str, Any]) -> None:
    missing = [name for name in _COUNTED if getattr(recipe, name) and name not in values]
    if missing:
        raise UsageError(
            f"{recipe.name} is {recipe.length:,} {recipe.unit} long; to give its length in the "
            f"other unit, set {' and '.join(missing)} in that unit too, or leave the recipe and "
            "use --epochs, which scales it"
        )
