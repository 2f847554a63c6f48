"""What a training run would do, before it does it."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from resprobe.datasets import Images, Normalisation
from resprobe.networks import Architecture
from resprobe.training.execution import Execution
from resprobe.training.preparation import prepare
from resprobe.training.recipe import Recipe

__all__ = ["TrainingPlan", "plan_training"]


@dataclass(frozen=True)
class TrainingPlan:
    """What would run.

    Attributes
    ----------
    network : str
        The architecture's name.
    images, validation_images : int
        Images to learn from and held out.
    epochs, iterations, batch_size : int
        Length of the run.
    duration_s : float
        Estimated from one step timed here, on a network that is then forgotten; reading images
        and evaluating those held out is not counted.
    """

    network: str
    images: int
    validation_images: int
    epochs: int
    iterations: int
    batch_size: int
    duration_s: float


def plan_training(
    architecture: Architecture,
    data: Images,
    *,
    recipe: Recipe,
    epochs: int | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
    normalisation: Normalisation | None = None,
    execution: Execution | None = None,
) -> TrainingPlan:
    """Return what :func:`resprobe.train` would do with the same arguments; writes nothing."""
    ready = prepare(
        architecture,
        data,
        recipe=recipe,
        epochs=epochs,
        seed=seed,
        normalisation=normalisation,
        execution=Execution.on(device) if execution is None else execution,
    )
    loop = ready.loop
    chosen, per_image_s = loop.chosen(), []
    seen = loop.iterations * sum(map(len, chosen)) / len(chosen)
    loop.model.train()
    for x, y in loop.feed.batches(chosen[:1] * 2, seed=seed, epoch=1):
        begin = time.perf_counter()  # the first step also warms up
        loop.step(x, y)
        per_image_s.append((time.perf_counter() - begin) / len(y))
    return TrainingPlan(
        network=architecture.spec,
        images=len(loop.feed),
        validation_images=0 if ready.validation is None else ready.validation.n,
        epochs=loop.epochs,
        iterations=loop.iterations,
        batch_size=loop.recipe.batch_size,
        duration_s=min(per_image_s) * seen,
    )
