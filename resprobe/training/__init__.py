"""Train the plain and residual networks to compare, by published recipes.

A :class:`Recipe` is a frozen set of numbers, ``he2015-cifar`` the one of He et al. 2015;
:func:`train` follows it: it holds out a validation split, keeps the best and the last
checkpoint and a CSV log, and returns one row per epoch. Order and augmentation depend on
(seed, epoch) alone, so the same seed gives the same weights, bit for bit, on the same CPU.
"""

from resprobe.training.evaluate import Evaluation, evaluate
from resprobe.training.loop import Progress
from resprobe.training.plan import TrainingPlan, plan_training
from resprobe.training.recipe import Recipe, Schedule, recipes
from resprobe.training.trainer import train

__all__ = [
    "Evaluation",
    "Progress",
    "Recipe",
    "Schedule",
    "TrainingPlan",
    "evaluate",
    "plan_training",
    "recipes",
    "train",
]
