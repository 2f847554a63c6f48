"""How a network is trained, as plain numbers.

A :class:`Recipe` is frozen, checked as a whole, printed as TOML and read from it; ``recipes``
has the published ones. :func:`learning_rate` gives the rate of every iteration, and
:class:`WarmUp` the low rate that very deep networks begin with.
"""

from resprobe.training.recipe.published import recipes
from resprobe.training.recipe.recipe import Optimiser, Recipe, Schedule
from resprobe.training.recipe.schedule import WINDOW, WarmUp, learning_rate

__all__ = ["WINDOW", "Optimiser", "Recipe", "Schedule", "WarmUp", "learning_rate", "recipes"]
