"""Find where in a user's model every value of every block of its chain can be seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from resprobe.chain import Block, Chain, ResidualBlock, left_as_found
from resprobe.errors import ChainError
from resprobe.monitor.observing import Sighting, alike, observe
from resprobe.monitor.places import BlockPlaces, Place
from resprobe.monitor.references import (
    BlockReference,
    lively_weights,
    references,
    settle_batch_norm,
)
from resprobe.monitor.rehearsal import rehearsed

__all__ = ["find_places"]

IMAGES = 4
"""Images to look for values with; of two, a BatchNorm over 1x1 maps would pass no gradient."""


def find_places(chain: Chain, model: nn.Module, images: Tensor) -> list[BlockPlaces]:
    """Find the modules at which the values of every block pass, by looking for the values.

    The chain says what x, F(x), s(x) and the two parts of the gradient are; the model is run
    with a hook on each of its modules, and a module is chosen where the very value passes. So
    no class or attribute name is relied on, and a module that does nothing in eval mode, such
    as a stochastic depth, is found to be the last one of its branch. Then the places are tried
    out in training mode, with other weights and buffers.

    Parameters
    ----------
    chain : Chain
        Of this model.
    model : nn.Module
        Without wrappers; left as it was found.
    images : Tensor of shape (N, C, H, W)
        Such as the model is trained on, on its device.

    Returns
    -------
    list of BlockPlaces
        One per block of the chain.

    Raises
    ------
    ChainError
        If a value of a block passes at no module, or is another one in training.
    """
    images = _enough(images)
    return rehearsed(model, images, _find(chain, model, images))


def _find(chain: Chain, model: nn.Module, images: Tensor) -> list[BlockPlaces]:
    with left_as_found(chain, training=False), left_as_found(model, training=False):
        settle_batch_norm(chain)
        settle_batch_norm(model)
        # without norms, random weights can overflow where the model's own do not
        seen = _observed(chain, model, images, lively_weights(model))
        seen = seen or _observed(chain, model, images, nullcontext())
    if seen is None:
        raise ChainError(
            f"{type(model).__name__} gives values that are not finite, by which its blocks could "
            "not be found in it; check the weights and the normalisation"
        )
    known, sightings = seen
    return [
        _places(block, known[number], [s for s in sightings if s.block == number])
        for number, block in enumerate(chain.blocks)
    ]


def _enough(images: Tensor) -> Tensor:
    images = images.detach()[:IMAGES]
    generator = torch.Generator().manual_seed(0)
    more = torch.randn(IMAGES - len(images), *images.shape[1:], generator=generator)
    return torch.cat([images, more.to(images)])


def _observed(
    chain: Chain, model: nn.Module, images: Tensor, weights: AbstractContextManager[None]
) -> tuple[list[BlockReference], list[Sighting]] | None:
    with torch.inference_mode(False), torch.enable_grad(), weights:
        known = references(chain, images)
        if not all(reference.is_finite for reference in known):
            return None
        return known, observe(model, images, known)


def _places(block: Block, known: BlockReference, seen: Sequence[Sighting]) -> BlockPlaces:
    inputs = [s for s in seen if s.what == "input"]
    response = _last(s for s in seen if s.what == "response")
    by_branch = _first(s for s in inputs if alike(s.through, known.residual))
    entry = _entry(inputs, known, before=by_branch or response)
    if entry is None or response is None:
        missing = "branch's output" if response is None else "input"
        raise ChainError(
            f"the {missing} of block '{block.name}' passes at no module, where a hook could see "
            "it; pass it through an nn.Identity of its own"
        )
    if not isinstance(block, ResidualBlock):
        return BlockPlaces(block=block, input=entry, response=response.place)
    # a shortcut that does nothing in eval mode, such as a dropout, is no identity in training
    at_sum = known.shortcut is None and alike(response.whole, known.identity)
    by_shortcut = _first(s for s in inputs if alike(s.through, known.identity) and not at_sum)
    shortcut = _last(s for s in seen if s.what == "shortcut")
    places = BlockPlaces(
        block=block,
        input=entry,
        response=response.place,
        factor=response.factor,
        shortcut=shortcut.place if shortcut else None,
        shortcut_is_input=known.shortcut is None,
        by_branch=by_branch.place if by_branch else None,
        by_shortcut=by_shortcut.place if by_shortcut else None,
        identity_at_sum=at_sum,
    )
    _check(block, places)
    return places


def _entry(
    inputs: Sequence[Sighting], known: BlockReference, *, before: Sighting | None
) -> Place | None:
    """Return the outermost place where x goes in, after the last module that could change it."""
    if before is None:
        return None
    earlier = [s for s in inputs if s.time <= before.time]
    made = max((s.time for s in earlier if s.is_output and not s.passes_on), default=-1)
    found = _first(s for s in earlier if s.time > made and alike(s.whole, known.whole))
    return found.place if found else _made_at(earlier, made, known)


def _made_at(inputs: Sequence[Sighting], time: int, known: BlockReference) -> Place | None:
    """Return the place where x comes out of a module, for a block that begins with a function."""
    made = (s.place for s in inputs if s.time == time and alike(s.whole, known.whole))
    return next(made, None)


def _first(sightings: Iterable[Sighting]) -> Sighting | None:
    return next((s for s in sightings if not s.is_output), None)


def _last(sightings: Iterable[Sighting]) -> Sighting | None:
    """Return the place nearest to the sum: that of an output, where there is one."""
    found = list(sightings)
    outputs = [s for s in found if s.is_output]
    return next(reversed(outputs or found), None)


def _check(block: ResidualBlock, places: BlockPlaces) -> None:
    if not (places.identity_at_sum or places.by_branch or places.by_shortcut):
        raise ChainError(
            f"the gradient at block '{block.name}' cannot be split: its input enters neither the "
            "branch nor the shortcut by a module; let the branch begin with an nn.Identity"
        )
    computed_again = not (places.shortcut or places.shortcut_is_input)
    if computed_again and any(_has_state(module) for module in block.shortcut.modules()):
        raise ChainError(
            f"the shortcut's output of block '{block.name}' passes at no module, and to compute "
            "it once more would change its state; pass it through an nn.Identity of its own"
        )


def _has_state(module: nn.Module) -> bool:
    random = isinstance(module, nn.modules.dropout._DropoutNd)
    return random or any(True for _ in module.buffers(recurse=False))
