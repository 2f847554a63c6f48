"""Try the places out in a training pass, with other weights.

Places are found in eval mode. What a model does to a branch's output after the last module is
seen by no hook; where it is another thing in training, or changes as the loop goes on, the
figures would be wrong without a word. In the rehearsal every branch is cut off at its place, so
that what comes back to a block comes by its shortcut alone. Of a sum s(x) + c r, with r what
passes at the place and c the factor that was found, the gradient at r is c times that at s(x).
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from resprobe.chain import ResidualBlock, left_as_found
from resprobe.chain.operations import tensors_in
from resprobe.errors import ChainError, ResprobeError, first_line
from resprobe.monitor.cutting import CutCrossing
from resprobe.monitor.doorway import Pass, doorways
from resprobe.monitor.places import BlockPlaces
from resprobe.monitor.references import lively_weights, loss_of
from resprobe.monitor.settings import Setting, changed, settings_around
from resprobe.networks.stochastic import seeded_draws

__all__ = ["rehearsed"]

PASSES = 8
"""At most; there is a second one where stochastic depth left a branch out of the first."""


def rehearsed(model: nn.Module, images: Tensor, places: Sequence[BlockPlaces]) -> list[BlockPlaces]:
    """Return the places, with the attributes that a branch's factor was found to depend on.

    A branch that is computed in none of a few training passes is not tried out.

    Parameters
    ----------
    model : nn.Module
        Without wrappers; left as it was found.
    images : Tensor of shape (N, C, H, W)
    places : sequence of BlockPlaces
        As they were found in eval mode.

    Raises
    ------
    ChainError
        If the model has no training pass, or what a block adds to its shortcut is not what
        passes at the place of its branch's output, times a constant.
    """
    residual = [p for p in places if isinstance(p.block, ResidualBlock)]
    around = {p.block.name: settings_around(model, p) for p in residual}
    wrong = _wrong(model, images, residual, [s for some in around.values() for s in some])
    if not wrong:
        return list(places)
    for broken in _wrong(model, images, wrong, ()):
        times = "" if broken.factor == 1 else f", times {broken.factor:.3g}"
        raise ChainError(
            f"in training, block '{broken.block.name}' does not add the {broken.response}{times} "
            "to its shortcut: after that module it is multiplied by a weight or a buffer, or "
            "changed in training mode, which no hook sees; pass what is added through an "
            "nn.Identity of its own"
        )
    names = {p.block.name for p in wrong}
    return [
        replace(p, settings=around[p.block.name]) if p.block.name in names else p for p in places
    ]


def _wrong(
    model: nn.Module,
    images: Tensor,
    places: Sequence[BlockPlaces],
    settings: Sequence[Setting],
) -> list[BlockPlaces]:
    """Return the places that do not show what their block adds up; all, if no pass succeeds."""
    wrong, untried = set[int](), set(range(len(places)))
    for seed in range(PASSES):
        try:
            crossings = _crossed(model, images, places, settings, seed=seed)
        except ResprobeError:
            raise
        except Exception as error:
            if settings:  # the attributes may be what failed
                return list(places)
            raise _no_training_pass(model, error) from error
        tried = {n for n in untried if crossings[n].is_computed}
        wrong |= {n for n in tried if not crossings[n].adds_up()}
        untried -= tried
        if not untried:
            break
    return [places[number] for number in sorted(wrong)]


def _no_training_pass(model: nn.Module, error: Exception) -> ChainError:
    name = type(model).__name__
    if "use_reentrant" in str(error):
        return ChainError(
            f"{name} uses activation checkpointing whose backward pass is one of its own, in "
            "which gradients cannot be split; pass use_reentrant=False to checkpoint"
        )
    return ChainError(
        f"{name} does not run in training mode on {type(error).__name__} "
        f"({first_line(error)}); its forward must take the images alone in training too"
    )


def _crossed(
    model: nn.Module,
    images: Tensor,
    places: Sequence[BlockPlaces],
    settings: Sequence[Setting],
    *,
    seed: int,
) -> list[CutCrossing]:
    found = _passed(model, images, places, settings, seed, lively_weights(model, seed=1, held=True))
    if all(crossing.is_finite for crossing in found):
        return found
    # without norms, random weights can overflow where the model's own do not
    return _passed(model, images, places, settings, seed, nullcontext())


def _passed(
    model: nn.Module,
    images: Tensor,
    places: Sequence[BlockPlaces],
    settings: Sequence[Setting],
    seed: int,
    weights: AbstractContextManager[None],
) -> list[CutCrossing]:
    crossings = [CutCrossing(of_block) for of_block in places]
    under_way = Pass(crossings=[*crossings], active=True)
    with (
        contextlib.ExitStack() as stack,
        left_as_found(model, training=True),
        _draws_put_back(model, seed, images.device),
        torch.inference_mode(False),
        torch.enable_grad(),
        weights,
        changed(settings),
    ):
        doors = doorways(places)
        for doorway in doors:
            for handle in doorway.open(under_way):
                stack.callback(handle.remove)
        leaf = images.detach().clone().requires_grad_()
        outputs = [t for t in tensors_in(model(leaf.clone())) if t.requires_grad]
        under_way.active = False
        for doorway in doors:
            doorway.check_calls()
        loss = torch.stack([loss_of(output) for output in outputs]).sum()
        cuts = [crossing.cut for crossing in crossings if crossing.cut is not None]
        torch.autograd.grad(loss, [leaf, *cuts], allow_unused=True)
        for crossing in crossings:
            crossing.compute_shortcut()
    return crossings


@contextlib.contextmanager
def _draws_put_back(model: nn.Module, seed: int, device: torch.device) -> Iterator[None]:
    """Draw from a seed in every random layer, and move no generator of the user's."""
    own = {
        value
        for module in model.modules()
        for value in vars(module).values()
        if isinstance(value, torch.Generator)
    }
    states = [(generator, generator.get_state()) for generator in own]
    of_python, of_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - models draw from it
    try:
        with seeded_draws(seed, device=device):
            yield
    finally:
        for generator, state in states:
            generator.set_state(state)
        random.setstate(of_python)
        np.random.set_state(of_numpy)  # noqa: NPY002
