"""An experiment: several networks trained alike on the same images, each with several seeds.

Every run leaves its checkpoint, its log, and a *part*: what was measured of it. What is there is
not done again, so that an experiment goes on where it was interrupted, and its networks and seeds
may be divided among processes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from kit.subjects import Place, once

from resprobe import Architecture, load, train
from resprobe.checkpoints import Checkpoint
from resprobe.datasets import Batches, Images
from resprobe.devices import pick_device
from resprobe.errors import InputError, UsageError
from resprobe.results import Result, versions
from resprobe.training import Evaluation, Recipe, evaluate

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
    def jobs(self) -> list[tuple[str, int]]:
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
        return [(name, int(seed)) for seed in seeds for name in every]

    @property
    def _trained(self) -> list[str]:
        return list(self.asked.train.split(","))

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

    def architecture(self, name: str) -> Architecture:
        """Return a network for these images."""
        return Architecture(
            name,
            width=self.asked.width,
            num_classes=len(self.learn.classes),
            in_channels=self.learn.channels,
        )

    def place(self, name: str, seed: int, ending: str = ".pt") -> Path:
        """Return a file of a run."""
        runs = self.asked.runs or self.asked.parts.with_name("checkpoints")
        return Path(runs) / f"{name}-seed{seed}{ending}"

    def is_done(self, name: str, seed: int) -> bool:
        """Whether a run is complete."""
        log, last = self.place(name, seed, ".csv"), self.place(name, seed, "-last.pt")
        return log.is_file() and last.is_file() and len(pd.read_csv(log)) == self.asked.epochs

    def part(self, name: str, seed: int) -> Result | None:
        """Return what is known of a run, trained first where it is asked for; else None.

        Raises
        ------
        InputError
            If what is kept is of another training.
        """
        stem = self.asked.parts / f"{name}-seed{seed}"
        if not stem.with_suffix(".json").exists() and not self.is_done(name, seed):
            if self.asked.collect or name not in self._trained:
                return None
            self.train(name, seed)
        found = once(stem, lambda: self.measured(name, seed))
        network = Architecture(name, width=self.asked.width).spec
        if (found.meta["end"]["network"], found.meta["end"]["epochs"]) != (
            network,
            self.asked.epochs,
        ):
            raise InputError(
                f"{stem}.json: another training than {network} for {self.asked.epochs} epochs; "
                "choose another --out"
            )
        return found

    def train(self, name: str, seed: int) -> None:
        """Train a network, from the beginning or from where it was interrupted."""
        print(f"training {name}, seed {seed}", file=sys.stderr, flush=True)
        train(
            self.architecture(name),
            self.learn,
            recipe=self.recipe,
            epochs=self.asked.epochs,
            seed=seed,
            out=self.place(name, seed),
            test=self.test if self.test_curve else None,
            test_curve=self.test_curve,
            resume=True,
            device=pick_device(self.asked.device),
        )

    def measured(self, name: str, seed: int) -> Result:
        """Return the epochs of a run; ``meta["end"]`` has its figures after the last one.

        The training error is also that of all images learnt from, not augmented, in eval mode.
        """
        path = self.place(name, seed, "-last.pt")
        kept, architecture = load(path), self.architecture(name)
        self._check(path, kept, architecture, seed)
        seen = self._evaluated(kept, self.learnt)
        epochs = pd.read_csv(self.place(name, seed, ".csv"))
        facts = {"plain": architecture.is_plain, "depth": architecture.depth, "seed": seed}
        for at, (column, value) in enumerate(facts.items()):
            epochs.insert(at + 1, column, value)
        last = epochs.iloc[-1]
        tested = last["test_error"] if self.test_curve else self._evaluated(kept, self.test).error
        end = {
            "network": architecture.spec,
            "name": name,
            "seed": seed,
            "epochs": self.asked.epochs,
            "train_error_eval": seen.error,
            "train_loss_eval": seen.loss,
            **{column: float(last[column])
               for column in ("train_loss", "train_error", "validation_error")},
            "test_error": float(tested),
            "duration_s": float(epochs["duration_s"].sum()),
            "checkpoint_sha256": kept.sha256,
        }  # fmt: skip
        recipe = self.recipe.for_run(len(self.learnt), epochs=self.asked.epochs).to_dict()
        meta = {"end": end, "recipe": recipe, "setting": self.setting()}
        return Result("training-run", epochs, {**versions(), **meta})

    def _evaluated(self, kept: Checkpoint, images: Images) -> Evaluation:
        device = pick_device(self.asked.device)
        assert kept.normalisation is not None, "a network that was trained here has one"
        return evaluate(kept.model.to(device), Batches(images.to(device), kept.normalisation))

    def _check(self, path: Path, kept: Checkpoint, wanted: Architecture, seed: int) -> None:
        recipe = self.recipe.for_run(len(self.learnt), epochs=self.asked.epochs)
        asked = {**recipe.to_dict(), "seed": seed, "images": len(self.learn)}
        differs = [k for k, v in kept.recipe.items() if asked.get(k) != v]
        if kept.architecture != wanted or kept.epoch != self.asked.epochs or differs:
            raise InputError(
                f"{path}: another training ({', '.join(differs) or kept.architecture.spec}) than "
                "the one that is asked for; choose another --runs"
            )

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

    Networks and seeds that are not there, and were not to be trained, are left out.

    Raises
    ------
    InputError
        If no run is there, or the runs are of different settings.
    """
    parts = [found for job in experiment.jobs if (found := experiment.part(*job)) is not None]
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
