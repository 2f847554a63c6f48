"""The degradation problem: deeper plain networks are worse even on the images they learn from.

Question  Has a plain network of 56 layers a higher *training* error than one of 20, so that it
          is no overfitting, and a residual one not?
Command   python analyses/degradation.py --data cifar10 --seeds 0,1,2
          The same command goes on where it was interrupted; trained networks are not trained
          again. Networks and seeds may be divided among processes with --networks and --seeds.
Cost      At width 8 and 10 epochs, on one core of a server CPU: about 6 min for a network of 20
          layers and 17 min for one of 56, so 45 min a seed. --smoke takes seconds.
Source    He et al. 2015, section 4.2, Figs. 1 and 6; Li et al. 2018, Table 1.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from degradation_summary import markdown, summary
from page import filled

from resprobe import Architecture, load, train
from resprobe.datasets import Batches, ImageSet
from resprobe.datasets import load as load_images
from resprobe.errors import InputError, ResprobeError, UsageError
from resprobe.figures import figure, save
from resprobe.results import Result, versions
from resprobe.training import Recipe, evaluate, recipes

HERE = Path(__file__).parent
NETWORKS = ("plain20", "plain56", "resnet20", "resnet56")
RECIPE = recipes["he2015-cifar"]


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Which networks are trained, on what, for how long, and where they are kept."""

    learn: ImageSet
    test: ImageSet
    label: str
    width: int
    epochs: int
    runs: Path

    def architecture(self, name: str) -> Architecture:
        """Return a network for these images."""
        return Architecture(
            name,
            width=self.width,
            num_classes=len(self.learn.classes),
            in_channels=self.learn.channels,
        )

    @property
    def learnt(self) -> ImageSet:
        """The images that every network learns from: the same whatever the seed."""
        return self.learn.holdout(RECIPE.validation_fraction, seed=0)[0]

    @property
    def recipe(self) -> Recipe:
        """The recipe in iterations, as long as the runs are."""
        return RECIPE.for_run(len(self.learnt), epochs=self.epochs)

    def place(self, name: str, seed: int, part: str = ".pt") -> Path:
        """Return a file of a run."""
        return self.runs / f"{name}-seed{seed}{part}"

    def is_done(self, name: str, seed: int) -> bool:
        """Whether a run is complete."""
        log, last = self.place(name, seed, ".csv"), self.place(name, seed, "-last.pt")
        return log.is_file() and last.is_file() and len(pd.read_csv(log)) == self.epochs

    def train(self, name: str, seed: int) -> None:
        """Train a network, from the beginning or from where it was interrupted."""
        train(
            self.architecture(name),
            self.learn,
            recipe=RECIPE,
            epochs=self.epochs,
            seed=seed,
            out=self.place(name, seed),
            test=self.test,
            test_curve=True,
            resume=True,
        )

    def measured(self, name: str, seed: int) -> tuple[pd.DataFrame, dict[str, object]]:
        """Return the epochs of a run, and its errors after the last one.

        The training error is also that of all images learnt from, not augmented, in eval mode.
        """
        path = self.place(name, seed, "-last.pt")
        kept, architecture = load(path), self.architecture(name)
        asked = {**self.recipe.to_dict(), "seed": seed, "images": len(self.learn)}
        differs = [k for k, v in kept.recipe.items() if asked.get(k) != v]
        if kept.architecture != architecture or kept.epoch != self.epochs or differs:
            raise InputError(
                f"{path}: another training ({', '.join(differs) or kept.architecture.spec}) than "
                "the one that is asked for; choose another --runs"
            )
        assert kept.normalisation is not None, "a network that was trained here has one"
        seen = evaluate(kept.model, Batches(self.learnt, kept.normalisation))
        depth, plain = architecture.depth, architecture.is_plain
        epochs = pd.read_csv(self.place(name, seed, ".csv"))
        epochs.insert(1, "plain", plain)
        epochs.insert(2, "depth", depth)
        epochs.insert(3, "seed", seed)
        last = epochs.iloc[-1]
        return epochs, {
            "network": architecture.spec,
            "name": name,
            "seed": seed,
            "epochs": self.epochs,
            "train_error_eval": seen.error,
            "train_loss_eval": seen.loss,
            "train_error": float(last["train_error"]),
            "validation_error": float(last["validation_error"]),
            "test_error": float(last["test_error"]),
            "duration_s": float(epochs["duration_s"].sum()),
            "checkpoint_sha256": kept.sha256,
        }

    def setting(self, seeds: list[int]) -> dict[str, str]:
        """Return what must be said of the numbers, for the page and the figure."""
        learnt, epochs = len(self.learnt), self.epochs
        usual = round(RECIPE.length / RECIPE.batches_per_epoch(45_000))
        steps = " and ".join(f"{at / self.recipe.batches_per_epoch(learnt):.3g}"
                             for at in self.recipe.milestones)  # fmt: skip
        return {
            "Images": f"{self.label}: {learnt:,} learnt from, {len(self.learn) - learnt:,} held "
            f"out, {len(self.test):,} tested on",
            "Networks": f"width {self.width} (He et al. 2015: 16)",
            "Training": f"{epochs} epochs (He et al. 2015: {usual}), rate "
            f"{RECIPE.learning_rate:g}, divided by 10 after {steps} epochs",
            "Seeds": ", ".join(map(str, seeds)),
        }


def collected(experiment: Experiment, jobs: list[tuple[str, int]]) -> tuple[Result, Result]:
    """Return the curves of all runs, and the errors of each after its last epoch."""
    parts = [experiment.measured(name, seed) for name, seed in jobs]
    if not parts:
        raise InputError(f"{experiment.runs}: no run is complete yet; train without --collect")
    seeds = sorted({seed for _, seed in jobs})
    setting = experiment.setting(seeds)
    meta = {
        **versions(),
        "threads": torch.get_num_threads(),
        "seed": setting["Seeds"],
        "recipe": experiment.recipe.to_dict(),
        "setting": [said for name, said in setting.items() if name != "Seeds"],
        "page": setting,
    }
    curves = pd.concat([epochs for epochs, _ in parts], ignore_index=True)
    runs = pd.DataFrame([row for _, row in parts])
    return Result("degradation", curves, meta), Result("degradation-runs", runs, meta)


def deliver(curves: Result, runs: Result, out: Path, page: Path) -> None:
    """Write the table, the figure and the page's part, all from the two results."""
    Result("degradation-table", summary(runs.frame), runs.meta).save_as(out / "table")
    save(figure(curves), out / "degradation")
    filled(page, "degradation", markdown(runs.frame, runs.meta["page"]))


def main(arguments: list[str] | None = None) -> None:
    """Train what is not trained yet, measure, and write everything."""
    asked = parsed(arguments)
    page = HERE / "README.md"
    if asked.smoke:
        asked.out.mkdir(parents=True, exist_ok=True)
        page = Path(shutil.copy(page, asked.out))
    if asked.redraw:
        curves, runs = (Result.load(asked.out / f"{name}.csv") for name in ("curves", "runs"))
    else:
        curves, runs = measured(asked)
        curves.save_as(asked.out / "curves")
        runs.save_as(asked.out / "runs")
    deliver(curves, runs, asked.out, page)
    print(f"wrote {asked.out} and {page}")


def measured(asked: argparse.Namespace) -> tuple[Result, Result]:
    """Train what is not trained yet, and collect what is."""
    torch.set_num_threads(asked.threads)
    learn, test = (
        load_images(asked.data, split=s, root=asked.data_root) for s in ("train", "test")
    )
    if asked.images is not None:
        learn, test = learn.subset(asked.images), test.subset(min(asked.images, len(test)))
    experiment = Experiment(
        learn=learn,
        test=test,
        label=asked.label or learn.name,
        width=asked.width,
        epochs=asked.epochs,
        runs=asked.runs or asked.out / "checkpoints",
    )
    for name, seed in asked.jobs:
        if not asked.collect and not experiment.is_done(name, seed):
            print(f"training {name}, seed {seed}", file=sys.stderr, flush=True)
            experiment.train(name, seed)
    return collected(experiment, [job for job in asked.jobs if experiment.is_done(*job)])


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="cifar10", help="as resprobe takes it")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--label", default="", help="what the figure calls the images")
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--images", type=int, help="only so many of each split")
    parser.add_argument("--threads", type=int, default=1, help="other numbers, other roundings")
    parser.add_argument("--runs", type=Path, help="where the checkpoints are (OUT/checkpoints)")
    parser.add_argument("--out", type=Path, default=HERE / "degradation")
    parser.add_argument("--collect", action="store_true", help="train nothing")
    parser.add_argument("--redraw", action="store_true", help="from the tables in OUT alone")
    parser.add_argument("--smoke", action="store_true", help="in seconds, on embedded images")
    asked = parser.parse_args(arguments)
    if asked.smoke:
        asked.data, asked.images, asked.width, asked.epochs = "embedded", 400, 1, 2
        asked.label, asked.seeds = "Fashion-MNIST, embedded", "0,1"
        asked.out = asked.out if asked.out != HERE / "degradation" else Path("degradation-smoke")
    unknown = set(asked.networks.split(",")) - set(NETWORKS)
    if unknown or not all(seed.isdecimal() for seed in asked.seeds.split(",")):
        raise UsageError(
            f"--networks wants some of {','.join(NETWORKS)} and --seeds whole numbers with commas "
            f"between them; got {asked.networks} and {asked.seeds}"
        )
    seeds = map(int, asked.seeds.split(","))
    asked.jobs = [(name, seed) for seed in seeds for name in asked.networks.split(",")]
    return asked


if __name__ == "__main__":
    try:
        main()
    except ResprobeError as error:
        print(f"degradation: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
