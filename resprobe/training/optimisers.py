"""The optimisers that a recipe may ask for, and what each keeps of every weight."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from resprobe.training.recipe import Optimiser, Recipe

__all__ = ["MOMENTA", "lay_out_momenta", "optimiser_of"]

MOMENTA = {Optimiser.SGD: ("momentum_buffer",), Optimiser.ADAM: ("exp_avg", "exp_avg_sq")}
"""Under which names torch's optimisers keep tensors in the shape of the weight."""


def optimiser_of(recipe: Recipe, weights: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """Return the optimiser of a recipe, at its learning rate before any decay.

    References
    ----------
    Sutskever et al. 2013, section 2 (momentum); Kingma and Ba 2015, algorithm 1 (Adam, whose
    beta_1 is the recipe's momentum, with beta_2 = 0.999 and epsilon = 1e-8).

    Examples
    --------
    >>> weight = nn.Parameter(torch.zeros(1))
    >>> type(optimiser_of(Recipe(optimiser=Optimiser.ADAM), [weight])).__name__
    'Adam'
    """
    if recipe.optimiser is Optimiser.ADAM:
        return torch.optim.Adam(
            weights,
            lr=recipe.learning_rate,
            betas=(recipe.momentum, 0.999),
            eps=1e-8,
            weight_decay=recipe.weight_decay,
        )
    return torch.optim.SGD(
        weights,
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        nesterov=recipe.nesterov,
    )


def lay_out_momenta(state: Mapping[Tensor, dict[str, Any]], names: Iterable[str]) -> None:
    """Give momenta that were read from a file the memory layout of their weights again.

    With another one, vectorised kernels may round differently.
    """
    for weight, kept in state.items():
        for name in names:
            momentum = kept.get(name)
            if isinstance(momentum, Tensor):
                kept[name] = torch.empty_like(weight).copy_(momentum)
