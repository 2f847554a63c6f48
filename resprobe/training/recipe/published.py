"""The built-in recipes, and where they leave what was published.

All of them subtract the mean of each channel and divide by its standard deviation, where He
et al. 2015 and Huang et al. 2016 subtract the mean of each pixel, and the last batch of an
epoch may be smaller. Validation images are held out whatever the data set.

he2015-cifar
    He et al. 2015, section 4.2. The training error that ends the warm-up is that of the last
    100 batches; the paper does not say how it was measured.
he2015-imagenet
    He et al. 2015, section 3.4. The paper divides the rate by 10 "when the error plateaus", in
    up to 600,000 iterations; read here, as is usual, as epochs 30 and 60 of 90 (450,000
    iterations). Nothing is held out: the error that everybody reports is that of ImageNet's own
    validation images.
huang2016-stochastic-depth, huang2016-stochastic-depth-1202
    Huang et al. 2016, section 4, for networks of 110 and of 1202 layers, the latter at 0.01 for
    ten epochs; ``--arch resnet110:survival=0.5`` is what makes depth stochastic. The authors'
    code lets the rate fall one epoch earlier than the paper, which is followed.
li2018
    Li et al. 2018, section 5 and the authors' code: all training images are learnt from, so no
    epoch can be chosen by a validation error, and the last one is kept.
small-budget
    An unreviewed comparison of plain and residual networks of 8 and 20 layers: ten epochs of Adam
    with a cosine, the last one kept. Its rate falls after every epoch, here after every
    iteration.
short
    Not published: one rise and a cosine, to learn most in a few epochs on a CPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from resprobe.datasets.augmentation import Crop
from resprobe.training.recipe.recipe import Optimiser, Recipe, Schedule

__all__ = ["recipes"]

_IMAGENET = Recipe(
    name="he2015-imagenet",
    batch_size=256,
    iterations=None,
    epochs=90,
    milestones=(30, 60),
    warm_up_depth=None,
    validation_fraction=0.0,
    crop=Crop.SCALE,
    pad=0,
    colour=True,
)
_STOCHASTIC = Recipe(
    name="huang2016-stochastic-depth",
    iterations=None,
    epochs=500,
    milestones=(250, 375),
    nesterov=True,
    warm_up_depth=None,
)
_STOCHASTIC_1202 = replace(
    _STOCHASTIC,
    name="huang2016-stochastic-depth-1202",
    epochs=300,
    milestones=(150, 225),
    warm_up_depth=1202,
    warm_up_until_error=None,
    warm_up_length=10,
)
_LANDSCAPE = Recipe(
    name="li2018",
    iterations=None,
    epochs=300,
    milestones=(150, 225, 275),
    weight_decay=5e-4,
    nesterov=True,
    warm_up_depth=None,
    validation_fraction=0.0,
)
_SMALL_BUDGET = Recipe(
    name="small-budget",
    batch_size=64,
    iterations=None,
    epochs=10,
    learning_rate=1e-3,
    schedule=Schedule.COSINE,
    milestones=(),
    optimiser=Optimiser.ADAM,
    warm_up_depth=None,
    validation_fraction=0.0,
)
_SHORT = Recipe(
    name="short",
    batch_size=64,
    iterations=1_000,
    schedule=Schedule.COSINE,
    milestones=(),
    ramp=150,
    nesterov=True,
    warm_up_depth=None,
)

recipes: Mapping[str, Recipe] = MappingProxyType(
    {
        recipe.name: recipe
        for recipe in (
            Recipe(),
            _IMAGENET,
            _STOCHASTIC,
            _STOCHASTIC_1202,
            _LANDSCAPE,
            _SMALL_BUDGET,
            _SHORT,
        )
    }
)
"""The built-in recipes by name."""
