"""A training run between its epochs: measuring, saving, saying what was done."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from resprobe.checkpoints import load, save
from resprobe.datasets import Batches, ImageSet
from resprobe.errors import ResprobeError
from resprobe.files import sha256_of
from resprobe.networks import Architecture, count_parameters
from resprobe.results import versions
from resprobe.statistics import wilson
from resprobe.training.evaluate import Evaluation, evaluate
from resprobe.training.log import EpochRow, Places
from resprobe.training.loop import Loop, Progress

__all__ = ["SPLIT_SEED", "Run"]

SPLIT_SEED = 0
"""The same images are held out whatever the seed of a run, so that runs can be compared."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """A network under training, and the images held out that say how good it is.

    Parameters
    ----------
    architecture : Architecture
        Of the network in ``loop``.
    loop : Loop
        Network, optimiser, images to learn from.
    validation : Batches or None
        The images held out, with the same normalisation, on the same device.
    """

    architecture: Architecture
    loop: Loop
    validation: Batches | None

    def epoch(self, epoch: int, progress: Callable[[Progress], None] | None) -> EpochRow:
        """Train one epoch and evaluate the images held out."""
        start = time.perf_counter()
        tally = self.loop.run_epoch(epoch, progress)
        held_out = None if self.validation is None else self._evaluated(self.validation)
        return EpochRow(
            network=self.architecture.spec,
            epoch=epoch,
            iteration=self.loop.iteration,
            learning_rate=self.loop.learning_rate,
            train_loss=tally.loss,
            train_error=tally.error,
            train_n=tally.n,
            validation_loss=math.nan if held_out is None else held_out.loss,
            validation_error=math.nan if held_out is None else held_out.error,
            validation_n=0 if held_out is None else held_out.n,
            duration_s=time.perf_counter() - start,
        )

    def _evaluated(self, validation: Batches) -> Evaluation:
        seen = evaluate(self.loop.model, validation)
        if not math.isfinite(seen.loss):
            raise ResprobeError(
                f"training diverged: the validation loss is {seen.loss} after iteration "
                f"{self.loop.iteration} (learning rate {self.loop.learning_rate:g}); lower the "
                "learning rate or warm up first"
            )
        return seen

    def save(
        self,
        path: Path,
        row: EpochRow,
        *,
        model: nn.Module | None = None,
        more: Mapping[str, float | int | str] | None = None,
    ) -> None:
        """Write the network as it is, or ``model``, as the checkpoint of an epoch."""
        save(
            path,
            self.loop.model if model is None else model,
            architecture=self.architecture,
            normalisation=self.loop.normalisation,
            data=self.loop.data.spec or None,
            split_seed=None if self.validation is None else SPLIT_SEED,
            recipe=self._recipe(),
            epoch=row.epoch,
            figures={**row.figures(), **(more or {})},
        )

    def _recipe(self) -> dict[str, Any]:
        """Return the recipe with what is needed to divide the same images again."""
        images = len(self.loop.data) + (0 if self.validation is None else self.validation.n)
        return {**self.loop.recipe.to_dict(), "seed": self.loop.seed, "images": images}

    def test(self, path: Path, row: EpochRow, data: ImageSet) -> dict[str, float | int | str]:
        """Evaluate the checkpoint at ``path``, that of ``row``, and note the figures in it.

        The error carries its Wilson 95 % interval.
        """
        device = self.loop.data.images.device
        model = load(path).model.to(device)
        seen = evaluate(model, Batches(data.to(device), self.loop.normalisation))
        low, high = wilson(seen.wrong, seen.n)
        figures: dict[str, float | int | str] = {
            "test_loss": seen.loss,
            "test_error": seen.error,
            "test_error_low": low,
            "test_error_high": high,
            "test_n": seen.n,
        }
        self.save(path, row, model=model, more=figures)
        return figures

    def meta(
        self, places: Places, best: EpochRow, test: Mapping[str, float | int | str]
    ) -> dict[str, Any]:
        """Return what the result says about itself, in JSON types."""
        data, held_out = self.loop.data, self.validation
        described = {
            "network": self.architecture.spec,
            "parameters": count_parameters(self.loop.model),
            "plain": self.architecture.is_plain,
            "classes": self.architecture.num_classes,
            "architecture": self.architecture.to_dict(),
            "checkpoint": str(places.best),
            "checkpoint_sha256": sha256_of(places.best),
            "checkpoint_last": str(places.best if held_out is None else places.last),
            "log": str(places.log),
            "best_epoch": best.epoch,
            "test": dict(test),
        }
        return {
            **versions(),
            "device": str(data.images.device),
            "dtype": "float32",
            "seed": self.loop.seed,
            "recipe": self.loop.recipe.to_dict(),
            "split_seed": None if held_out is None else SPLIT_SEED,
            "data": {
                "data_set": data.name,
                "spec": data.spec or None,
                "split": data.split,
                "n": len(data),
                "validation_n": 0 if held_out is None else held_out.n,
                "normalisation": self.loop.normalisation.to_dict(),
                "batch_size": self.loop.recipe.batch_size,
            },
            "networks": [described],
        }
