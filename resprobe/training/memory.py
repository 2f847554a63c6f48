"""Which batch fits, when one did not."""

from __future__ import annotations

import torch
from torch import nn

from resprobe.devices import free_memory, is_out_of_memory
from resprobe.errors import ResprobeError
from resprobe.training.loop import Loop

__all__ = ["fitting_batch", "out_of_memory"]


def out_of_memory(loop: Loop, *, is_evaluating: bool) -> ResprobeError:
    """Build the error that says which batch size fits; the loop is of no use afterwards."""
    if is_evaluating:
        return ResprobeError(
            "out of memory in an evaluation, which takes a few images at a time whatever the "
            "batch; a narrower network (--width) needs less"
        )
    size, world = loop.recipe.batch_size, loop.world
    if world.size > 1:  # a trial would wait for the others
        return ResprobeError(
            f"out of memory with batches of {size} images over {world.size} processes; choose a "
            "smaller --batch-size, or more processes"
        )
    fits = fitting_batch(loop)
    if fits is None:
        return ResprobeError(
            f"out of memory with batches of {size} images, and with any smaller one; a narrower "
            "network (--width) needs less"
        )
    return ResprobeError(
        f"out of memory with batches of {size} images; {fits} fit, as a trial shows, so "
        f"train with --batch-size {fits}"
    )


def fitting_batch(loop: Loop) -> int | None:
    """Return the largest half, quarter, eighth, ... of the batch that a step has room for.

    Tried by forward and backward passes on images of the run, after what the failed step left
    was freed. None where not even two images fit.
    """
    loop.optimiser.zero_grad(set_to_none=True)
    size = loop.recipe.batch_size // 2
    while size >= 2:
        free_memory()
        if _fits(loop, size):
            return size
        size //= 2
    return None


def _fits(loop: Loop, size: int) -> bool:
    chosen = [torch.arange(min(size, len(loop.feed)))]
    try:
        room = [torch.empty_like(weight) for weight in loop.model.parameters()]  # for momenta
        for x, y in loop.feed.batches(chosen, seed=loop.seed, epoch=loop.epoch):
            torch.autograd.backward(nn.functional.cross_entropy(loop.model(loop.laid_out(x)), y))
        del room
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return False
    finally:
        loop.optimiser.zero_grad(set_to_none=True)
    return True
