"""The iterations of a training run, one epoch at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resprobe.datasets import ImageSet, Normalisation, augment
from resprobe.networks.stochastic import has_random_layers, seeded_draws
from resprobe.training.recipe import Recipe
from resprobe.training.schedule import WarmUp, learning_rate
from resprobe.training.tally import Tally

__all__ = ["Loop", "Progress", "epoch_order"]

READ_EVERY = 20
"""Iterations between two looks at figures that lie on an accelerator, which must wait for them."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a training run stands after an iteration.

    Parameters
    ----------
    epoch, epochs : int
        The epoch under way, from 1, and how many there are.
    iteration, iterations : int
        Iterations done, and how many there are.
    loss, error : float
        Mean over the images of this epoch so far, as they were learnt from; on an
        accelerator they can be up to 19 iterations old.
    learning_rate : float
        Of this iteration.
    """

    epoch: int
    epochs: int
    iteration: int
    iterations: int
    loss: float
    error: float
    learning_rate: float


def epoch_order(n: int, *, seed: int, epoch: int) -> Tensor:
    """Return the order of ``n`` images in an epoch, int64 on the CPU: a function of (seed, epoch).

    Examples
    --------
    >>> sorted(epoch_order(5, seed=0, epoch=1).tolist())
    [0, 1, 2, 3, 4]
    """
    mixed = np.random.SeedSequence((seed, epoch)).generate_state(1)[0]
    return torch.randperm(n, generator=torch.Generator().manual_seed(int(mixed)))


class Loop:
    """A network under training, with its optimiser and where it stands.

    Parameters
    ----------
    model : nn.Module
        Trained in place; on the device of the images.
    data : ImageSet
        What to learn from; nothing else is ever looked at.
    normalisation : Normalisation
        Applied before the augmentation, so that padded zeros are the mean pixel.
    recipe : Recipe
        Its ``iterations`` are the length of the run.
    seed : int
        Of order and augmentation, and of random layers, which draw from a state that is a
        function of (seed, epoch, batch) and leave the global one alone.
    depth : int
        Of the network, for the warm-up.
    """

    def __init__(
        self,
        model: nn.Module,
        data: ImageSet,
        *,
        normalisation: Normalisation,
        recipe: Recipe,
        seed: int,
        depth: int,
    ) -> None:
        # the memory format is a matter of speed: convolutions on CPUs prefer channels last
        self.model = model.to(memory_format=torch.channels_last)
        self.data, self.normalisation = data, normalisation
        self.recipe, self.seed = recipe, seed
        self.is_random = has_random_layers(model)
        self.warm_up = WarmUp.of(recipe, depth=depth)
        self.iteration = 0
        self.learning_rate = math.nan
        self.optimiser = torch.optim.SGD(
            model.parameters(),
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
            nesterov=recipe.nesterov,
        )

    @property
    def epochs(self) -> int:
        """Epochs of the whole run; the last can be cut short by ``recipe.iterations``."""
        return math.ceil(self.recipe.iterations / self.recipe.batches_per_epoch(len(self.data)))

    def run_epoch(self, epoch: int, progress: Callable[[Progress], None] | None) -> Tally:
        """Learn from every image once, or up to the last iteration; return the figures."""
        tally = Tally(self.recipe.batches_per_epoch(len(self.data)), self.data.images.device)
        self.model.train()
        for batch, indices in enumerate(self.batches(epoch)):
            loss, wrong = self.step(indices, epoch, batch=batch)
            tally.add(loss, wrong, images=len(indices))
            self.iteration += 1
            if self._must_read(tally):
                tally.read(self.iteration, self.learning_rate)
            if self.warm_up.active:
                self.warm_up = self.warm_up.after(wrong=tally.last_wrong, images=len(indices))
            if progress is not None:
                progress(self._progress(epoch, tally))
        tally.read(self.iteration, self.learning_rate)
        return tally

    def batches(self, epoch: int) -> Iterator[Tensor]:
        """Yield the indices of each batch of an epoch that is still to come."""
        order = epoch_order(len(self.data), seed=self.seed, epoch=epoch)
        order = order.to(self.data.images.device)
        size = self.recipe.batch_size
        left = self.recipe.iterations - self.iteration
        for batch in range(min(left, self.recipe.batches_per_epoch(len(self.data)))):
            yield order[batch * size : (batch + 1) * size]

    def step(self, indices: Tensor, epoch: int, *, batch: int = 0) -> tuple[Tensor, Tensor]:
        """One step of gradient descent; return the loss and the number of wrong answers."""
        images = self.normalisation.apply(self.data.images[indices])
        labels = self.data.labels[indices]
        pad, flip = self.recipe.pad, self.recipe.flip
        x = augment(images, seed=self.seed, epoch=epoch, indices=indices, pad=pad, flip=flip)
        self.optimiser.zero_grad(set_to_none=True)
        with self._draws(epoch, batch):
            logits = self.model(x.contiguous(memory_format=torch.channels_last))
            loss = F.cross_entropy(logits, labels)
            torch.autograd.backward(loss)
        self.learning_rate = learning_rate(
            self.recipe, self.iteration, warming_up=self.warm_up.active
        )
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate
        self.optimiser.step()
        return loss.detach(), (logits.detach().argmax(1) != labels).sum()

    def _draws(self, epoch: int, batch: int) -> AbstractContextManager[None]:
        if not self.is_random:
            return nullcontext()
        return seeded_draws(self.seed, epoch, batch, device=self.data.images.device)

    def _must_read(self, tally: Tally) -> bool:
        near = self.data.images.device.type == "cpu"
        return near or self.warm_up.active or tally.batches % READ_EVERY == 0

    def _progress(self, epoch: int, tally: Tally) -> Progress:
        return Progress(
            epoch=epoch,
            epochs=self.epochs,
            iteration=self.iteration,
            iterations=self.recipe.iterations,
            loss=tally.loss,
            error=tally.error,
            learning_rate=self.learning_rate,
        )
