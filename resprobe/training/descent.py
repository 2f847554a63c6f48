"""Forward, backward and the step of a training, over processes and in some precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resprobe.errors import UsageError
from resprobe.networks.stochastic import (
    BlocksPerBatch,
    StochasticDepth,
    has_random_layers,
    seed_of,
    seeded_draws,
)
from resprobe.training.compilation import compiled, compiler_errors
from resprobe.training.execution import Execution
from resprobe.training.precision import MixedPrecision

__all__ = ["Descent"]


class Descent:
    """How the steps of a training are computed.

    Parameters
    ----------
    network : nn.Module
        Trained in place; on the device of the execution.
    execution : Execution, optional
        By which processes, in which precision.

    Raises
    ------
    UsageError
        If it cannot be compiled, and should be.

    Attributes
    ----------
    called : nn.Module
        What is called in training: the network, or what is wrapped around it.
    mixed : MixedPrecision
        With the scaler of its gradients.

    Examples
    --------
    >>> descent = Descent(nn.Linear(2, 2))
    >>> loss, figures = descent.forward(torch.ones(3, 2), torch.ones(3).long(), of=3)
    >>> bool(loss == figures[0]), figures.shape
    (True, torch.Size([2]))
    """

    def __init__(
        self,
        network: nn.Module,
        execution: Execution | None = None,
    ) -> None:
        execution = Execution() if execution is None else execution
        self.world = execution.world
        self.mixed = MixedPrecision(execution.precision, self.world.device)
        self.is_random = has_random_layers(network)
        self.droppers = [part for part in network.modules() if isinstance(part, StochasticDepth)]
        self.called = self.world.wrap(network)
        if execution.compile_forward:
            if any(isinstance(part, BlocksPerBatch) for part in self.droppers):
                raise UsageError(
                    "blocks_per_batch makes every batch another network, and each would have to "
                    "be compiled; leave --compile out"
                )
            self.called = compiled(self.called)

    @contextmanager
    def draws(self, *parts: int) -> Iterator[None]:
        """Let random layers draw from states that ``parts`` name, for the time of the block.

        Branches are dropped for the whole batch, so alike on every rank; Dropout draws for
        each image, so differently.
        """
        if not self.is_random:
            yield
            return
        if self.world.size == 1:
            with seeded_draws(*parts, device=self.world.device):
                yield
            return
        alike = torch.Generator().manual_seed(seed_of(*parts))
        for layer in self.droppers:
            layer.generator = alike
        try:
            with seeded_draws(*parts, self.world.rank, device=self.world.device):
                yield
        finally:
            for layer in self.droppers:
                layer.generator = None

    def forward(self, x: Tensor, y: Tensor, *, of: int) -> tuple[Tensor, Tensor]:
        """Return the loss to differentiate, and (loss, wrong answers) of the whole batch.

        Parameters
        ----------
        x, y : Tensor
            This rank's share of the batch.
        of : int
            Images of the whole batch.
        """
        with compiler_errors(), self.mixed.autocast():
            logits = self.called(x)
            loss = F.cross_entropy(logits, y) * self.world.weight(images=len(y), of=of)
        wrong = (logits.detach().argmax(1) != y).sum()
        own = torch.stack([loss.detach().float(), wrong.float()])  # counts are exact to 2^24
        figures = self.world.sum_over_ranks(own)
        figures[0] /= self.world.size
        return loss, figures

    def backward(self, loss: Tensor) -> None:
        """Add the gradients, averaged over ranks."""
        with compiler_errors():
            self.mixed.backward(loss)

    def step(self, optimiser: torch.optim.Optimizer) -> bool:
        """Take the step; tell whether it was taken, which in float16 it sometimes is not."""
        return self.mixed.step(optimiser)

    def state(self) -> dict[str, Any]:
        """Return what is needed to go on."""
        return self.mixed.state()

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a :meth:`state`."""
        self.mixed.restore(state)
