"""What changing some fields of a recipe means for the others."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from resprobe.errors import UsageError, one_of
from resprobe.training.recipe.consistency import without_effect
from resprobe.training.recipe.fields import FIELDS, shown

if TYPE_CHECKING:
    from resprobe.training.recipe.recipe import Recipe

__all__ = ["changed", "from_text", "implied", "scaled"]

_EITHER = (("iterations", "epochs"), ("warm_up_until_error", "warm_up_length"))
_COUNTED = ("milestones", "ramp", "warm_up_length")  # in the unit of the length

_ELSEWHERE = {  # what other trainers call a field, too far from its name to be found by likeness
    "lr": "learning_rate",
    "optim": "optimiser",
    "optimizer": "optimiser",
    "beta1": "momentum",
    "wd": "weight_decay",
    "bs": "batch_size",
    "batch": "batch_size",
    "gamma": "decay",
    "max_iter": "iterations",
    "max_epochs": "epochs",
    "num_epochs": "epochs",
    "warmup": "warm_up_length",
    "color": "colour",
    "scheduler": "schedule",
}


def from_text(changes: Mapping[str, object]) -> dict[str, object]:
    """Return values with texts read as their fields want them."""
    return {
        key: FIELDS[key].read(value) if isinstance(value, str) and key in FIELDS else value
        for key, value in changes.items()
    }


def changed(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """Return the recipe with other values; of two that exclude each other, one clears the other.

    Raises
    ------
    UsageError
        If there is no such field, or no such value; if the length is given in the other unit
        without all that counts in it; or if a value has no effect, unless every field is
        given, as a whole recipe that was printed has them.
    """
    for key in values:
        if key not in FIELDS:
            raise _unknown(key, recipe)
    given = {key: value for key, value in values.items() if not _is_none(value)}
    complete = {**values, **{other: None for other in _others(given) if other not in values}}
    _check_counted(recipe, complete)
    result = replace(recipe, **complete)
    if not complete.keys() >= FIELDS.keys():
        _check_effect(result, given)
    return result


def implied(recipe: Recipe) -> set[str]:
    """Return the fields that are None because another is set, and need not be written."""
    given = {key: value for key in FIELDS if (value := getattr(recipe, key)) is not None}
    return set(_others(given))


def _others(given: Mapping[str, object]) -> Iterator[str]:
    for pair in _EITHER:
        for one, other in (pair, pair[::-1]):
            if one in given:
                yield other


def scaled(recipe: Recipe, iterations: int) -> dict[str, Any]:
    """Return the length, and all that counts in it, for a run of so many iterations.

    The first iteration has the undecayed rate however short the run is, and where rounding
    makes milestones one, the later comes an iteration later; those after the end fall away.
    """
    scale = iterations / recipe.length
    milestones = [0]
    for at in recipe.milestones:
        milestones.append(max(round(at * scale), milestones[-1] + 1))
    ramp, warm_up = (
        length and min(iterations, math.ceil(length * scale))
        for length in (recipe.ramp, recipe.warm_up_length)
    )
    return {
        "iterations": iterations,
        "epochs": None,
        "milestones": tuple(at for at in milestones[1:] if at <= iterations),
        "ramp": ramp,
        "warm_up_length": warm_up,
    }


def _is_none(value: object) -> bool:
    return value is None or value == "none"


def _unknown(key: object, recipe: Recipe) -> UsageError:
    name, hint = shown(key).strip("'"), f"`resprobe recipe {recipe.name}` prints all of them"
    elsewhere = _ELSEWHERE.get(name.lower())
    if elsewhere:
        return UsageError(f"unknown key of a recipe '{name}': did you mean '{elsewhere}'? {hint}")
    near = difflib.get_close_matches(name, FIELDS, n=1, cutoff=0.6)
    return one_of("key of a recipe", name, near, hint=hint)


def _check_counted(recipe: Recipe, values: Mapping[str, Any]) -> None:
    lengths = {unit: values.get(unit, getattr(recipe, unit)) for unit in ("iterations", "epochs")}
    units = [unit for unit, length in lengths.items() if not _is_none(length)]
    if len(units) != 1 or units == [recipe.unit]:  # none and both are refused by the recipe
        return
    missing = [name for name in _COUNTED if getattr(recipe, name) and name not in values]
    if missing:
        raise UsageError(
            f"{recipe.name}, whose values hold where none are given, is {recipe.length:,} "
            f"{recipe.unit} long; for another unit set {' and '.join(missing)} "
            "in it too, or give no length here and use --epochs, which scales the schedule"
        )


def _check_effect(result: Recipe, given: Mapping[str, object]) -> None:
    for field, because in without_effect(result).items():
        if field in given:
            raise UsageError(f"{field} of {result.name} has no effect with {because}; leave it out")
