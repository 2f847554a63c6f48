"""An experiment: several networks trained alike on the same images, each with several seeds.

Every run leaves its checkpoint, its log, and a *part*: what was measured of it. What is there is
not done again, so that an experiment goes on where it was interrupted, and its networks and seeds
may be divided among processes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from kit.subjects import Place
from kit.trainings import Training

from resprobe.datasets import Images
from resprobe.errors import InputError, UsageError
from resprobe.results import Result, versions
from resprobe.training import Recipe

__all__ = ["Experiment", "add_options", "collected"]


def add_options(parser: argparse.ArgumentParser, networks: Sequence[str], **usual: Any) -> None:
    """Add what every experiment asks for; ``usual`` are its defaults."""
    parser.add_argument("--data", default="cifar10", help="as resprobe takes it")
    parser.add_argument("--data-root", type=Path, help="as resprobe takes it")
    parser.add_argument("--label", default="", help="what images from a folder are called")
    parser.add_argument("--train", default=",".join(networks), help="of the networks these alone")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--width", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--images", type=int, help="only so many of the training images")
    parser.add_argument("--runs", type=Path, metavar="FOLDER",
                        help="where checkpoints are (OUT/NAME/checkpoints)")  # fmt: skip
    parser.add_argument("--collect", action="store_true", help="train nothing")
    parser.set_defaults(all_networks=tuple(networks), tested=None, **usual)


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Networks to train, on what, how, and where what they leave is kept.

    Attributes
    ----------
    recipe : Recipe
        As published; its length is scaled to ``epochs``.
    asked : Namespace
        The options of :func:`add_options`.
    test_curve : bool
        Whether the test images are evaluated after every epoch, and not after the last alone.
    """

    recipe: Recipe
    asked: argparse.Namespace
    test_curve: bool = True

    @property
    def trainings(self) -> list[Training]:
        """Every network with every seed, seed by seed.

        Raises
        ------
        UsageError
            If the options name no such networks or seeds.
        """
        seeds, every = self.asked.seeds.split(","), self.asked.all_networks
        if set(self._trained) - set(every) or not all(seed.isdecimal() for seed in seeds):
            raise UsageError(
                f"--train wants some of {','.join(every)} and --seeds whole numbers with "
                f"commas between them; got {self.asked.train} and {self.asked.seeds}"
            )
        return [
            Training(experiment=self, name=name, seed=int(seed)) for seed in seeds for name in every
        ]

    @property
    def _trained(self) -> list[str]:
        return list(self.asked.train.split(","))

    def parts(self) -> list[Result]:
        """Return what is known of its trainings, trained first where that is asked for.

        Those that are not there, and were not to be trained, are left out.
        """
        wanted = [] if self.asked.collect else self._trained
        found = (one.part(may_train=one.name in wanted) for one in self.trainings)
        return [part for part in found if part is not None]

    @cached_property
    def learn(self) -> Images:
        """The training split, of which some may be held out."""
        return self._images("train", self.asked.images)

    @cached_property
    def test(self) -> Images:
        """The test split."""
        return self._images("test", self.asked.tested)

    def _images(self, split: str, most: int | None) -> Images:
        at = Place(root=self.asked.data_root, label=self.asked.label)
        images = at.images(self.asked.data, split)
        return images if most is None else images.subset(min(most, len(images)))

    @cached_property
    def learnt(self) -> Images:
        """The images that every network learns from: the same whatever the seed."""
        share = self.recipe.validation_fraction
        return self.learn.holdout(share, seed=0)[0] if share > 0 else self.learn

    def setting(self) -> list[str]:
        """Return what must be said of the numbers, for claims and figures."""
        learnt, held_out = len(self.learnt), len(self.learn) - len(self.learnt)
        held = f"{held_out:,} held out, " if held_out else ""
        usual = self.recipe.epochs or round(
            self.recipe.length / self.recipe.batches_per_epoch(45_000)
        )
        return [
            f"{self.learn.name}: {learnt:,} learnt from, {held}{len(self.test):,} tested on",
            f"width {self.asked.width} (published: 16)",
            f"{self.asked.epochs} epoch{'s' * (self.asked.epochs > 1)} (published: {usual}), "
            f"recipe {self.recipe.name}",
        ]


def collected(experiment: Experiment) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Return the epochs of all runs, their figures at the end, and how they came about.

    Raises
    ------
    InputError
        If no run is there, or the runs are of different settings.
    """
    parts = experiment.parts()
    if not parts:
        raise InputError(f"{experiment.asked.parts}: no run is complete; run without --collect")
    settings = list(dict.fromkeys(tuple(part.meta["setting"]) for part in parts))
    if len(settings) > 1:
        raise InputError(
            f"{experiment.asked.parts}: runs of several settings ({'; '.join(settings[1])}); "
            "choose another --out"
        )
    runs = pd.DataFrame([part.meta["end"] for part in parts])
    runs["validation_error"] = runs["validation_error"].astype(float)  # None where none is held out
    meta = {
        **versions(),
        "threads": torch.get_num_threads(),
        "seed": ", ".join(map(str, sorted(runs["seed"].unique()))),
        "recipe": parts[0].meta["recipe"],
        "setting": list(settings[0]),
    }
    return pd.concat([part.frame for part in parts], ignore_index=True), runs, meta
