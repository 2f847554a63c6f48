"""Train the plain and residual networks to compare, by published recipes.

A :class:`Recipe` is a frozen set of numbers, ``he2015-cifar`` the one of He et al. 2015;
:func:`train` follows it: it holds out a validation split, keeps the best checkpoint, the newest
state and a log, and returns one row per epoch; :func:`train_seeds` does so with several seeds.
Order, augmentation and random layers depend on (seed, epoch, index or batch) alone, so the same
seed gives the same weights, bit for bit, on the same CPU, also when a run is interrupted and
resumed.
"""

from resprobe.training.distributed import World
from resprobe.training.evaluate import Evaluation, evaluate
from resprobe.training.execution import Execution
from resprobe.training.pace import Pace, Progress, Stopped
from resprobe.training.plan import TrainingPlan, plan_training
from resprobe.training.precision import Precision
from resprobe.training.recipe import Optimiser, Recipe, Schedule
from resprobe.training.recipe.published import recipes
from resprobe.training.seeds import train_seeds
from resprobe.training.trainer import train

__all__ = [
    "Evaluation",
    "Execution",
    "Optimiser",
    "Pace",
    "Precision",
    "Progress",
    "Recipe",
    "Schedule",
    "Stopped",
    "TrainingPlan",
    "World",
    "evaluate",
    "plan_training",
    "recipes",
    "train",
    "train_seeds",
]
