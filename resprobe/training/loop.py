"""The iterations of a training run, and what is needed to go on from any of them."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from resprobe.datasets import Feed
from resprobe.networks.layout import memory_format
from resprobe.training.descent import Descent
from resprobe.training.divergence import ONLY_THE_LOSS, Diverged, culprit
from resprobe.training.execution import Execution
from resprobe.training.optimisers import MOMENTA, lay_out_momenta, optimiser_of
from resprobe.training.pace import Progress
from resprobe.training.recipe import Recipe
from resprobe.training.recipe.schedule import WarmUp, learning_rate
from resprobe.training.tally import Reading, Tally

__all__ = ["Loop", "epoch_order"]


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
        Trained in place; on the device of the feed.
    feed : Feed
        What to learn from; nothing else is ever looked at.
    recipe : Recipe
        By iterations, which are the length of the run.
    seed : int
        Of order and augmentation, and of random layers, which draw from a state that is a
        function of (seed, epoch, batch) and leave the global one alone.
    depth : int
        Of the network, for the warm-up.
    execution : Execution, optional
        By which processes, in which precision; else this one alone, on the device of the feed.

    Attributes
    ----------
    epoch : int
        Under way, from 1.
    batch : int
        Batches of it that are done.
    iteration : int
        Batches of all epochs that are done.
    tally : Tally
        Figures of the epoch under way.
    """

    def __init__(
        self,
        model: nn.Module,
        feed: Feed,
        *,
        recipe: Recipe,
        seed: int,
        depth: int,
        execution: Execution | None = None,
    ) -> None:
        self.memory_format = memory_format(model, feed.device)
        self.model = model.to(memory_format=self.memory_format)
        self.feed, self.recipe, self.seed = feed, recipe, seed
        self.execution = Execution.on(feed.device) if execution is None else execution
        self.world = self.execution.world
        self.descent = Descent(self.model, execution=self.execution)
        self.warm_up = WarmUp.of(recipe, depth=depth)
        self.epoch, self.batch, self.iteration = 1, 0, 0
        self.tally = Tally()
        self.learning_rate = math.nan
        self.optimiser = optimiser_of(recipe, model.parameters())

    @property
    def iterations(self) -> int:
        """Iterations of the whole run."""
        assert self.recipe.iterations is not None, "the recipe of a run is by iterations"
        return self.recipe.iterations

    @property
    def epochs(self) -> int:
        """Epochs of the whole run; the last can be cut short by ``iterations``."""
        return math.ceil(self.iterations / self.batches_per_epoch)

    @property
    def batches_per_epoch(self) -> int:
        """Iterations of an epoch."""
        smallest = self.world.smallest_batch
        return self.recipe.batches_per_epoch(len(self.feed), smallest=smallest)

    def chosen(self) -> list[Tensor]:
        """Return the indices of each batch of the epoch under way, those done among them."""
        order = epoch_order(len(self.feed), seed=self.seed, epoch=self.epoch)
        left = self.iterations - (self.iteration - self.batch)
        count = min(left, self.batches_per_epoch)
        return list(torch.split(order, self.recipe.batch_size)[:count])

    def run_epoch(self, after: Callable[[Progress], None] = lambda _: None) -> Tally:
        """Learn from what is left of the epoch under way; return the figures of all of it.

        ``after`` is called after every iteration; what it raises leaves the loop where it is,
        from where :meth:`run_epoch` goes on.
        """
        self.model.train()
        left = self.chosen()[self.batch :]
        mine = [self.world.share(indices) for indices in left]
        with contextlib.closing(self.feed.batches(mine, seed=self.seed, epoch=self.epoch)) as those:
            for indices, (x, y) in zip(left, those, strict=True):
                self.step(x, y, of=len(indices))
                after(self._progress())
        return self.tally

    def next_epoch(self) -> None:
        """Leave the epoch that is done."""
        self.epoch, self.batch, self.tally = self.epoch + 1, 0, Tally()

    def step(self, x: Tensor, y: Tensor, *, of: int | None = None) -> None:
        """Take one step of gradient descent, on this process's share of ``of`` images.

        Raises
        ------
        Diverged
            If the loss is not finite; the step is then not taken.
        """
        self.learning_rate = learning_rate(
            self.recipe, self.iteration, warming_up=self.warm_up.active
        )
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate
        self.optimiser.zero_grad(set_to_none=True)
        images = len(y) if of is None else of
        with self.descent.draws(self.seed, self.epoch, self.batch):
            loss, figures = self.descent.forward(self.laid_out(x), y, of=images)
            reading = Reading(figures)
            self.descent.backward(loss)
        value, wrong = reading.get()
        if not math.isfinite(value):
            raise self._diverged(value, x)
        self.descent.step(self.optimiser)
        self.iteration, self.batch = self.iteration + 1, self.batch + 1
        self.tally = self.tally.plus(value, wrong, images=images)
        self.warm_up = self.warm_up.after(wrong=wrong, images=images)

    def laid_out(self, x: Tensor) -> Tensor:
        """Return images of the feed, which has channels last, as they lie in training."""
        if self.memory_format is torch.channels_last:
            return x
        return x.clone(memory_format=torch.contiguous_format)  # of grey images a view would be both

    def _diverged(self, value: float, x: Tensor) -> Diverged:
        together = self.world.size > 1
        with self.descent.draws(self.seed, self.epoch, self.batch), self.descent.mixed.autocast():
            where = culprit(self.model, x, together=together)
        if together:  # the share of one of them went wrong, and all say the same
            where = self.world.first_said("" if where == ONLY_THE_LOSS else where) or where
        return Diverged(
            f"the loss is {value}",
            iteration=self.iteration + 1,
            rate=self.learning_rate,
            where=where,
        )

    def _progress(self) -> Progress:
        return Progress(
            epoch=self.epoch,
            epochs=self.epochs,
            iteration=self.iteration,
            iterations=self.iterations,
            loss=self.tally.loss,
            error=self.tally.error,
            learning_rate=self.learning_rate,
        )

    def state(self) -> dict[str, Any]:
        """Return all that a loop made alike needs to go on from here, but for the weights."""
        return {
            "epoch": self.epoch,
            "batch": self.batch,
            "iteration": self.iteration,
            "learning_rate": self.learning_rate,
            "tally": asdict(self.tally),
            "warm_up": asdict(self.warm_up),
            "optimiser": self.optimiser.state_dict(),
            "descent": self.descent.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go where another loop was when its :meth:`state` was taken."""
        self.epoch, self.batch = state["epoch"], state["batch"]
        self.iteration, self.learning_rate = state["iteration"], state["learning_rate"]
        self.tally = Tally(**state["tally"])
        warm_up = state["warm_up"]
        self.warm_up = replace(
            self.warm_up, active=warm_up["active"], left=warm_up["left"], seen=warm_up["seen"]
        )
        self.descent.restore(state["descent"])
        groups = self.optimiser.state_dict()["param_groups"]  # which the recipe decides
        self.optimiser.load_state_dict(
            {"state": state["optimiser"]["state"], "param_groups": groups}
        )
        lay_out_momenta(self.optimiser.state, MOMENTA[self.recipe.optimiser])
