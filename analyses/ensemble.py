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
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from ensemble_summary import markdown, summary
from page import filled
from script import check_names, ended, given, images_and_networks, shared_options, smoke_page
from subjects import Subject, labelled, once, trained

from resprobe import lesion, paths, studies
from resprobe.figures import figure, save
from resprobe.results import Result, combined

HERE = Path(__file__).parent
KINDS = ("single", "random", "shuffle", "paths")


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


def collected(networks: list[Callable[[], Subject]], names: list[str], amounts: Amounts,
              parts: Path, label: str) -> dict[str, Result]:  # fmt: skip
    """Measure what is not measured yet, and put the networks together, figure by figure."""
    found: dict[str, list[Result]] = {kind: [] for kind in KINDS}
    for name, read in zip(names, networks, strict=True):
        here = cache(read)
        for kind in KINDS:
            part = once(parts / f"{name}-{kind}", lambda k=kind, h=here: amounts.measured(h(), k))
            found[kind].append(labelled(part, label))
    return {kind: combined(results) for kind, results in found.items()}


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
        page = smoke_page(asked.out)
        asked.ckpt = [trained(asked.out / "checkpoints" / "resnet14.pt")]
    if asked.redraw:
        results = {kind: Result.load(asked.out / f"{kind}.csv") for kind in KINDS}
    else:
        torch.set_num_threads(asked.threads)
        names = [path.stem for path in asked.ckpt]
        results = collected(given(asked), names, asked.amounts, asked.out / "parts", asked.label)
        for kind, result in results.items():
            result.save_as(asked.out / kind)
    deliver(results, asked.out, page)
    print(f"wrote {asked.out} and {page}")


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    images_and_networks(parser)
    parser.add_argument("--images", type=int, default=2_000, help="for single deletions")
    parser.add_argument("--images-drawn", type=int, default=500, help="for random lesions")
    parser.add_argument("--images-paths", type=int, default=64, help="for gradients")
    parser.add_argument("--draws", type=int, default=5, help="for each number of blocks or swaps")
    parser.add_argument("--most", type=int, default=20, help="blocks deleted, or swaps")
    parser.add_argument("--path-draws", type=int, default=10, help="paths of each length")
    shared_options(parser, HERE / "ensemble")
    asked = parser.parse_args(arguments)
    if asked.smoke:
        asked.images, asked.images_drawn, asked.images_paths = 100, 50, 20
        asked.draws, asked.most, asked.path_draws = 3, 4, 3
        asked.out = asked.out if asked.out != HERE / "ensemble" else Path("ensemble-smoke")
    if not (asked.smoke or asked.redraw):
        check_names(asked.ckpt)
    names = ("images", "images_drawn", "images_paths", "draws", "most", "path_draws")
    asked.amounts = Amounts(**{name: getattr(asked, name) for name in names})
    return asked


if __name__ == "__main__":
    ended("ensemble", main)
