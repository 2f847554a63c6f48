"""From a name or a file to a recipe."""

from __future__ import annotations

from pathlib import Path

from resprobe.errors import InputError, UsageError, one_of
from resprobe.training.recipe.changes import changed
from resprobe.training.recipe.fields import shown
from resprobe.training.recipe.published import recipes
from resprobe.training.recipe.recipe import Recipe
from resprobe.training.recipe.recipe_file import read_table

__all__ = ["read_recipe"]

_DEFAULT = Recipe().name


def read_recipe(text: str | Path) -> Recipe:
    """Return what :meth:`Recipe.read` returns, and raise what it raises."""
    path = Path(text)
    if path.suffix == ".toml":
        return _from_file(path)
    if str(text) not in recipes:
        known = f"Known: {', '.join(recipes)}, or a file of one's own, FILE.toml"
        raise one_of("recipe", str(text), recipes, hint=known)
    return recipes[str(text)]


def _from_file(path: Path) -> Recipe:
    values = {"name": path.stem, **read_table(path)}
    base = values.pop("base", _DEFAULT)
    try:
        if not isinstance(base, str) or base not in recipes:
            raise one_of("base", shown(base).strip("'"), recipes)
        return changed(recipes[base], values)
    except UsageError as error:
        raise InputError(f"{path}: {error}") from error
