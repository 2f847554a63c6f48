"""What a training must share with the one that it goes on from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resprobe.datasets import Normalisation
from resprobe.errors import InputError, UsageError
from resprobe.networks import Architecture
from resprobe.training.recipe import Recipe

__all__ = ["SPLIT_SEED", "Setting"]

SPLIT_SEED = 0
"""The same images are held out whatever the seed of a run, so that runs can be compared."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """All that decides what a run computes.

    Parameters
    ----------
    architecture : Architecture
        Of the network.
    recipe : Recipe
        By iterations, as long as this run is.
    seed : int
        Of initialisation, order, augmentation and random layers.
    normalisation : Normalisation
        Of the images.
    data, digest : str
        The data set's name, for people, and the sum of its images and labels.
    images : int
        How many they are, those held out among them.
    processes : int
        That share the batches.
    curve : str
        The sum of the test images that are evaluated after every epoch; "" for none.
    """

    architecture: Architecture
    recipe: Recipe
    seed: int
    normalisation: Normalisation
    data: str
    digest: str
    images: int
    processes: int = 1
    curve: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, for a file."""
        return {
            "architecture": self.architecture.to_dict(),
            "recipe": self.recipe.to_dict(),
            "seed": self.seed,
            "normalisation": self.normalisation.to_dict(),
            "data": self.data,
            "digest": self.digest,
            "images": self.images,
            "processes": self.processes,
            "curve": self.curve,
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Setting:
        """Rebuild it from :meth:`to_dict`."""
        return cls(
            architecture=Architecture.from_dict(fields["architecture"]),
            recipe=Recipe.from_dict(fields["recipe"]),
            seed=fields["seed"],
            normalisation=Normalisation.from_dict(fields["normalisation"]),
            data=fields["data"],
            digest=fields["digest"],
            images=fields["images"],
            processes=fields["processes"],
            curve=fields["curve"],
        )

    def check(self, saved: Mapping[str, Any], path: Path) -> None:
        """Raise UsageError unless what was ``saved`` at ``path`` is a run of this setting."""
        try:
            other = Setting.from_dict(saved)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{path}: holds no usable state of a training ({error})") from error
        difference = self._difference(other)
        if difference:
            raise UsageError(
                f"{path}: {difference}; ask for the same to go on with it, or choose another --out"
            )

    def _difference(self, other: Setting) -> str:
        if other.architecture != self.architecture:
            return f"a training of {other.architecture.spec}, and not of {self.architecture.spec}"
        if other.digest != self.digest:
            return (
                f"a training on {other.images:,} images of {other.data}, and not on these "
                f"{self.images:,} of {self.data}"
            )
        recipe = self._recipe_difference(other.recipe)
        if recipe:
            return recipe
        if other.processes != self.processes:
            return f"a training over {other.processes} processes, and not {self.processes}"
        if other.curve != self.curve:
            return "its test curve is of other images, or there is none (--test-curve)"
        if other.seed != self.seed:
            return f"a training with seed {other.seed}, and not {self.seed}"
        if other.normalisation != self.normalisation:
            return (
                f"its images were normalised as {other.normalisation.describe()}, and not as "
                f"{self.normalisation.describe()}"
            )
        return ""

    def _recipe_difference(self, other: Recipe) -> str:
        before, now = other.to_dict(), self.recipe.to_dict()
        for name in now:
            if before[name] != now[name]:
                length = " (--epochs)" if name == "iterations" else ""
                return f"its recipe has {name} = {before[name]}{length}, and not {now[name]}"
        return ""
