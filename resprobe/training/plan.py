"""What a training run would do, before it does it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import islice

import torch

from resprobe.datasets import ImageSet, Normalisation
from resprobe.networks import Architecture
from resprobe.training.recipe import Recipe
from resprobe.training.trainer import prepared

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
        Estimated from one iteration timed here, on a network that is then forgotten;
        evaluation of the images held out is not counted.
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
    data: ImageSet,
    *,
    recipe: Recipe,
    epochs: int | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
    normalisation: Normalisation | None = None,
) -> TrainingPlan:
    """Return what :func:`resprobe.train` would do with the same arguments; writes nothing."""
    loop, held_out = prepared(
        architecture,
        data,
        recipe=recipe,
        epochs=epochs,
        seed=seed,
        device=device,
        normalisation=normalisation,
    )
    durations_s = []
    loop.model.train()
    for indices in islice(loop.batches(1), 2):  # the first iteration also warms up
        begin = time.perf_counter()
        loop.step(indices, 1)[0].item()
        durations_s.append(time.perf_counter() - begin)
    return TrainingPlan(
        network=architecture.spec,
        images=len(loop.data),
        validation_images=0 if held_out is None else held_out.n,
        epochs=loop.epochs,
        iterations=loop.recipe.iterations,
        batch_size=loop.recipe.batch_size,
        duration_s=min(durations_s) * loop.recipe.iterations,
    )
