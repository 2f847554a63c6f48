"""One training of an experiment: its checkpoint, its log, and what was measured of it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from kit.subjects import once

from resprobe import Architecture, load, train
from resprobe.checkpoints import Checkpoint
from resprobe.datasets import Batches, Images
from resprobe.devices import pick_device
from resprobe.errors import InputError
from resprobe.results import Result, versions
from resprobe.training import Evaluation, evaluate

if TYPE_CHECKING:
    import argparse

    from kit.experiments import Experiment

__all__ = ["Training"]


@dataclass(frozen=True, kw_only=True)
class Training:
    """A network of an experiment, from one seed."""

    experiment: Experiment
    name: str
    seed: int

    @property
    def _asked(self) -> argparse.Namespace:
        return self.experiment.asked

    @property
    def architecture(self) -> Architecture:
        """The network, for the experiment's images."""
        learn = self.experiment.learn
        return Architecture(
            self.name,
            width=self._asked.width,
            num_classes=len(learn.classes),
            in_channels=learn.channels,
        )

    def place(self, ending: str = ".pt") -> Path:
        """Return a file that it leaves."""
        runs = self._asked.runs or self._asked.parts.with_name("checkpoints")
        return Path(runs) / f"{self.name}-seed{self.seed}{ending}"

    @property
    def is_done(self) -> bool:
        """Whether it is complete."""
        log, last = self.place(".csv"), self.place("-last.pt")
        return log.is_file() and last.is_file() and len(pd.read_csv(log)) == self._asked.epochs

    def part(self, *, may_train: bool) -> Result | None:
        """Return what is known of it, trained first where that is wanted; else None.

        Raises
        ------
        InputError
            If what is kept is of another training.
        """
        stem = self._asked.parts / f"{self.name}-seed{self.seed}"
        if not stem.with_suffix(".json").exists() and not self.is_done:
            if not may_train:
                return None
            self.train()
        found = once(stem, self.measured)
        wanted = (Architecture(self.name, width=self._asked.width).spec, self._asked.epochs)
        if (found.meta["end"]["network"], found.meta["end"]["epochs"]) != wanted:
            raise InputError(
                f"{stem}.json: another training than {wanted[0]} for {wanted[1]} epochs; "
                "choose another --out"
            )
        return found

    def train(self) -> None:
        """Train the network, from the beginning or from where it was interrupted."""
        print(f"training {self.name}, seed {self.seed}", file=sys.stderr, flush=True)
        of = self.experiment
        train(
            self.architecture,
            of.learn,
            recipe=of.recipe,
            epochs=self._asked.epochs,
            seed=self.seed,
            out=self.place(),
            test=of.test if of.test_curve else None,
            test_curve=of.test_curve,
            resume=True,
            device=pick_device(self._asked.device),
        )

    def measured(self) -> Result:
        """Return its epochs; ``meta["end"]`` has its figures after the last one.

        The training error is also that of all images learnt from, not augmented, in eval mode.
        """
        path, of, architecture = self.place("-last.pt"), self.experiment, self.architecture
        kept = load(path)
        self._check(path, kept)
        seen = self._evaluated(kept, of.learnt)
        epochs = pd.read_csv(self.place(".csv"))
        facts = {"plain": architecture.is_plain, "depth": architecture.depth, "seed": self.seed}
        for at, (column, value) in enumerate(facts.items()):
            epochs.insert(at + 1, column, value)
        last = epochs.iloc[-1]
        tested = last["test_error"] if of.test_curve else self._evaluated(kept, of.test).error
        end = {
            "network": architecture.spec,
            "name": self.name,
            "seed": self.seed,
            "epochs": self._asked.epochs,
            "train_error_eval": seen.error,
            "train_loss_eval": seen.loss,
            **{column: float(last[column])
               for column in ("train_loss", "train_error", "validation_error")},
            "test_error": float(tested),
            "duration_s": float(epochs["duration_s"].sum()),
            "checkpoint_sha256": kept.sha256,
        }  # fmt: skip
        meta = {"end": end, "recipe": self._recipe(), "setting": of.setting()}
        return Result("training-run", epochs, {**versions(), **meta})

    def _recipe(self) -> dict[str, Any]:
        of = self.experiment
        return of.recipe.for_run(len(of.learnt), epochs=self._asked.epochs).to_dict()

    def _evaluated(self, kept: Checkpoint, images: Images) -> Evaluation:
        device = pick_device(self._asked.device)
        assert kept.normalisation is not None, "a network that was trained here has one"
        return evaluate(kept.model.to(device), Batches(images.to(device), kept.normalisation))

    def _check(self, path: Path, kept: Checkpoint) -> None:
        asked = {**self._recipe(), "seed": self.seed, "images": len(self.experiment.learn)}
        differs = [k for k, v in kept.recipe.items() if asked.get(k) != v]
        if kept.architecture != self.architecture or kept.epoch != self._asked.epochs or differs:
            raise InputError(
                f"{path}: another training ({', '.join(differs) or kept.architecture.spec}) than "
                "the one that is asked for; choose another --runs"
            )
