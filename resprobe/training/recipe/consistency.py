"""Whether the fields of a recipe go together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resprobe.datasets.augmentation import Crop
from resprobe.training.recipe.fields import Optimiser, Schedule

if TYPE_CHECKING:
    from resprobe.training.recipe.recipe import Recipe

__all__ = ["contradiction", "without_effect"]


def contradiction(recipe: Recipe) -> tuple[str, str] | None:
    """Return a field that does not go with the others, and what it must be; None where all do.

    Each field alone is taken to be right.
    """
    return _length(recipe) or _descent(recipe) or _warm_up(recipe) or _photographs(recipe)


def without_effect(recipe: Recipe) -> dict[str, str]:
    """Return the fields that change nothing in this recipe, each with what makes it so."""
    found = {}
    if recipe.schedule is Schedule.COSINE:
        found["decay"] = "schedule=cosine"
    if recipe.crop is Crop.PAD:
        found["crop_size"] = found["short_side"] = "crop=pad"
    return found


def _length(recipe: Recipe) -> tuple[str, str] | None:
    if recipe.iterations is None and recipe.epochs is None:
        return "iterations", "a number where epochs is none"
    if recipe.iterations is not None and recipe.epochs is not None:
        return "epochs", f"none where iterations is given ({recipe.iterations:,})"
    if recipe.milestones and recipe.milestones[-1] > recipe.length:
        return "milestones", (
            f"at most its length, {recipe.length:,} {recipe.unit} (which --epochs scales alike)"
        )
    for field in ("ramp", "warm_up_length"):
        if (getattr(recipe, field) or 0) > recipe.length:
            return field, f"at most its length, {recipe.length:,} {recipe.unit}"
    return None


def _descent(recipe: Recipe) -> tuple[str, str] | None:
    if recipe.milestones and recipe.schedule is Schedule.COSINE:
        return "milestones", "empty with the cosine schedule"
    if recipe.nesterov and recipe.optimiser is Optimiser.ADAM:
        return "nesterov", "false with optimiser=adam"
    if recipe.nesterov and recipe.momentum == 0:
        return "momentum", "above 0 with nesterov"
    return None


def _warm_up(recipe: Recipe) -> tuple[str, str] | None:
    until, length = recipe.warm_up_until_error, recipe.warm_up_length
    if until is not None and length is not None:
        return "warm_up_length", f"none where warm_up_until_error is given ({until})"
    if recipe.warm_up_depth is not None and until is None and length is None:
        return "warm_up_depth", "none where neither warm_up_until_error nor warm_up_length is given"
    return None


def _photographs(recipe: Recipe) -> tuple[str, str] | None:
    if recipe.crop is Crop.SCALE and recipe.crop_size > recipe.short_side[0]:
        return "crop_size", f"at most the shortest short_side, {recipe.short_side[0]}"
    return None
