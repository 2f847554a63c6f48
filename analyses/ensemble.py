"""Residual networks as ensembles of shallow ones: lesions and path lengths, measured again.

Question  Does a trained residual network shrug off the loss of single blocks, degrade smoothly
          when more are deleted or their order is disturbed, and train along short paths?
Command   python analyses/ensemble.py --ckpt r110.pt --ckpt resnet20.th --data folder:PATH
          Any trained residual networks; --data is for those that do not know their images. What
          is measured is kept in OUT/parts and not measured again.
Cost      On one core of a server CPU, with the numbers of images below: some minutes for a
          network of 20 or 32 layers, 15 min for one of 110 and width 8. --smoke takes seconds.
Source    Veit, Wilber, Belongie 2016, sections 4.1 to 4.4, Figs. 3, 5a, 5b and 6.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from ensemble_summary import markdown, summary
from page import filled

from resprobe import Architecture, lesion, load, paths, studies, train, unravel
from resprobe.chain import Chain
from resprobe.datasets import Batches
from resprobe.datasets import load as load_images
from resprobe.errors import InputError, ResprobeError, UsageError
from resprobe.figures import figure, save
from resprobe.results import Result, combined
from resprobe.training import recipes

HERE = Path(__file__).parent
KINDS = ("single", "random", "shuffle", "paths")


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A trained network, and the images to show it."""

    name: str
    chain: Chain
    data: Batches
    about: dict[str, object]

    def shown(self, images: int) -> Batches:
        """Return so many images, evenly spaced, or all there are."""
        return replace(self.data, data=self.data.data.subset(min(images, self.data.n)))


@dataclass(frozen=True, kw_only=True)
class Amounts:
    """How much is measured."""

    images: int
    images_drawn: int
    images_paths: int
    draws: int
    most: int
    path_draws: int

    def measured(self, subject: Subject, kind: str) -> Result:
        """Measure one network for one figure."""
        named = {"network": subject.name, "seed": 0, "about": subject.about}
        if kind == "paths":
            return paths(
                subject.chain, subject.shown(self.images_paths), method="all",
                draws=self.path_draws, **named,
            )  # fmt: skip
        most = min(self.most, len(subject.chain.blocks))
        study, images = {
            "single": (studies.Single(), self.images),
            "random": (studies.Random(most=most, draws=self.draws), self.images_drawn),
            "shuffle": (studies.Shuffle(most=most, draws=self.draws), self.images_drawn),
        }[kind]
        return lesion(subject.chain, subject.shown(images), study=study, **named)


def subject(path: Path, data: str, root: Path | None) -> Subject:
    """Read a checkpoint, and the test images that it was trained for."""
    kept = load(path)
    spec = kept.data or data
    if not spec:
        raise InputError(f"{path}: it does not say what it was trained on; name it with --data")
    images = load_images(spec, split="test", root=root)
    normalisation = kept.normalisation or images.normalisation
    if normalisation is None:
        raise InputError(f"{path}: neither it nor {images.name} say how images are normalised")
    shown = Batches(images, normalisation)
    return Subject(
        name=path.stem,
        chain=unravel(kept.model, shown.example()),
        data=shown,
        about={"checkpoint": path.name, "checkpoint_sha256": kept.sha256},
    )


def collected(found: list[Callable[[], Subject]], names: list[str], amounts: Amounts, parts: Path,
              label: str) -> dict[str, Result]:  # fmt: skip
    """Measure what is not measured yet, and put the networks together, figure by figure."""
    for name, read in zip(names, found, strict=True):
        missing = [kind for kind in KINDS if not (parts / f"{name}-{kind}.json").exists()]
        if not missing:
            continue
        here = read()
        for kind in missing:
            print(f"measuring {name}, {kind}", file=sys.stderr, flush=True)
            amounts.measured(here, kind).save_as(parts / f"{name}-{kind}")
    return {
        kind: combined([_labelled(Result.load(parts / f"{name}-{kind}.csv"), label)
                        for name in names])
        for kind in KINDS
    }  # fmt: skip


def _labelled(result: Result, label: str) -> Result:
    """Call images from a folder what they are."""
    data = result.meta["data"]
    if label and str(data["data_set"]).startswith("folder:"):
        data = {**data, "data_set": label}
    return Result(result.name, result.frame, {**result.meta, "data": data})


def deliver(results: dict[str, Result], out: Path, page: Path) -> None:
    """Write the table, the figures and the page's part, all from the results."""
    table = summary(results)
    Result("ensemble-table", table, results["single"].meta).save_as(out / "table")
    for kind, result in results.items():
        save(figure(result), out / kind, formats=("png",))
    filled(page, "ensemble", markdown(results, table))


def main(arguments: list[str] | None = None) -> None:
    """Measure, and write everything."""
    asked = parsed(arguments)
    page = HERE / "README.md"
    if asked.smoke:
        asked.out.mkdir(parents=True, exist_ok=True)
        page = Path(shutil.copy(page, asked.out))
        asked.ckpt = [_trained(asked.out / "checkpoints" / "resnet14.pt")]
    if asked.redraw:
        results = {kind: Result.load(asked.out / f"{kind}.csv") for kind in KINDS}
    else:
        torch.set_num_threads(asked.threads)
        names = [path.stem for path in asked.ckpt]
        found = [lambda p=path: subject(p, asked.data, asked.data_root) for path in asked.ckpt]
        results = collected(found, names, asked.amounts, asked.out / "parts", asked.label)
        for kind, result in results.items():
            result.save_as(asked.out / kind)
    deliver(results, asked.out, page)
    print(f"wrote {asked.out} and {page}")


def _trained(path: Path) -> Path:
    """Train a tiny network, where there is none yet."""
    if not path.exists():
        images = load_images("embedded", split="train").subset(400)
        architecture = Architecture("resnet14", in_channels=1, width=2)
        train(architecture, images, recipe=recipes["short"], epochs=2, out=path)
    return path


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ckpt", action="append", default=[], type=Path, help="repeatedly")
    parser.add_argument("--data", default="", help="as resprobe takes it")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--label", default="", help="what images from a folder are called")
    parser.add_argument("--images", type=int, default=2_000, help="for single deletions")
    parser.add_argument("--images-drawn", type=int, default=500, help="for random lesions")
    parser.add_argument("--images-paths", type=int, default=64, help="for gradients")
    parser.add_argument("--draws", type=int, default=5, help="for each number of blocks or swaps")
    parser.add_argument("--most", type=int, default=20, help="blocks deleted, or swaps")
    parser.add_argument("--path-draws", type=int, default=10, help="paths of each length")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=HERE / "ensemble")
    parser.add_argument("--redraw", action="store_true", help="from the tables in OUT alone")
    parser.add_argument("--smoke", action="store_true", help="in seconds, on a tiny network")
    asked = parser.parse_args(arguments)
    if asked.smoke:
        asked.images, asked.images_drawn, asked.images_paths = 100, 50, 20
        asked.draws, asked.most, asked.path_draws = 3, 4, 3
        asked.out = asked.out if asked.out != HERE / "ensemble" else Path("ensemble-smoke")
    stems = [path.stem for path in asked.ckpt]
    if not (asked.ckpt or asked.smoke or asked.redraw) or len(set(stems)) < len(stems):
        raise UsageError(
            "--ckpt names the trained networks, each with a file name of its own; got "
            f"{', '.join(stems) or 'none'}"
        )
    names = ("images", "images_drawn", "images_paths", "draws", "most", "path_draws")
    asked.amounts = Amounts(**{name: getattr(asked, name) for name in names})
    return asked


if __name__ == "__main__":
    try:
        main()
    except ResprobeError as error:
        print(f"ensemble: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
