"""Random directions in the space of the weights, filter by filter as large as the weights."""

from __future__ import annotations

import torch
from torch import Tensor

from resprobe.chain import Chain

__all__ = ["Direction", "directions", "filter_norms"]

Direction = dict[str, Tensor]
"""By the chain's names of its parameters; those that stay as they are have no entry."""


def directions(
    chain: Chain, number: int, *, seed: int, filter_normalised: bool = True
) -> list[Direction]:
    """Draw random directions; the first ones are the same however many are drawn.

    Normal numbers are drawn on the CPU for all parameters in the model's own order, so that a
    seed means the same direction on every device and however the model was traced. Parameters
    of one dimension (BatchNorm's and biases) do not move.

    Parameters
    ----------
    filter_normalised : bool
        Whether each filter (each entry along the first axis: an output channel of a
        convolution, a row of a linear layer) gets the norm of that filter of the weights; else
        the direction as a whole gets the norm of all weights that move.

    References
    ----------
    Li, Xu, Taylor, Studer, Goldstein, "Visualizing the Loss Landscape of Neural Nets", NeurIPS
    2018, section 4.

    Examples
    --------
    >>> from resprobe import Architecture, unravel
    >>> chain = unravel(Architecture("resnet8", width=2).build(), torch.zeros(1, 3, 32, 32))
    >>> (found,) = directions(chain, 1, seed=0)
    >>> weights = dict(chain.named_parameters())
    >>> all(
    ...     torch.allclose(filter_norms(d), filter_norms(weights[name].detach()))
    ...     for name, d in found.items()
    ... )
    True
    """
    generator = torch.Generator().manual_seed(seed)
    names = {id(parameter): name for name, parameter in chain.named_parameters()}
    found = []
    for _ in range(number):
        drawn: Direction = {}
        for _, parameter in chain.model_parameters:
            if parameter.dim() < 2 or not parameter.is_floating_point():
                continue
            values = torch.randn(parameter.shape, generator=generator)
            if id(parameter) in names:  # the chain may not use it
                drawn[names[id(parameter)]] = values
        weights = {name: parameter.detach().cpu() for name, parameter in chain.named_parameters()}
        scaled = _by_filter if filter_normalised else _as_one
        found.append({name: d.to(chain.device) for name, d in scaled(drawn, weights).items()})
    return found


def filter_norms(weights: Tensor) -> Tensor:
    """Return the L2 norm of each filter in float64, in a shape that goes with the weights."""
    norms: Tensor = weights.double().flatten(1).norm(dim=1)
    return norms.reshape(-1, *[1] * (weights.dim() - 1))


def _by_filter(drawn: Direction, weights: Direction) -> Direction:
    return {
        name: (d.double() * filter_norms(weights[name]) / filter_norms(d)).float()
        for name, d in drawn.items()
    }


def _as_one(drawn: Direction, weights: Direction) -> Direction:
    wanted = sum(float(weights[name].double().square().sum()) for name in drawn)
    there = sum(float(d.double().square().sum()) for d in drawn.values())
    return {name: (d.double() * (wanted / there) ** 0.5).float() for name, d in drawn.items()}
