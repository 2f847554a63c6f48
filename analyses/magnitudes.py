"""How large branches and layer responses are, and which gradient the shortcuts carry.

Question  Are the responses of residual networks smaller than those of plain ones, and smaller the
          deeper? Does BatchNorm say them without images? Do later blocks change less? Does the
          gradient grow in plain networks at initialisation, and fade along scaled shortcuts?
Command   python analyses/magnitudes.py --ckpt resnet20.th --ckpt r110.pt ... --data folder:PATH
          Plain and residual networks of one width, data set and schedule are compared, seeds of
          one depth together; --data is for networks that do not know their images. What is
          measured is kept in OUT/parts and not measured again.
Cost      Two to three forward passes over --images, and two forward and backward ones over
          --gradients: some minutes for ten networks on one core. --smoke takes seconds.
Source    He et al. 2015, section 4.2 and Fig. 7; He et al. 2016, sections 3 and 4.1, eq. 8;
          Jastrzebski et al. 2018, Fig. 2; Yang et al. 2019.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

from magnitude_claims import claims, draw
from script import Theme, given
from subjects import Subject, labelled, once, trained

from resprobe import Architecture, Batches, gradflow, load_data, magnitude, unravel
from resprobe.chain import has_batch_norm
from resprobe.results import Result, combined

KINDS = ("magnitude", "responses", "stored", "flow", "initial", "scaled")
WIDTH = 8
LAMBDAS = ("0.5", "0.9", "1")


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Measure the trained networks, and new ones on the embedded images."""
    found: dict[str, list[Result]] = {kind: [] for kind in KINDS}
    parts = asked.out / "parts"
    for path, read in zip(_paths(asked), _readers(asked), strict=True):
        for kind, take in _trained_kinds(read, asked).items():
            result = once(parts / f"{path.stem}-{kind}", take)
            found[kind].append(labelled(result, asked.label))
    for kind, specs in _new_networks(asked).items():
        for spec in specs:
            stem = parts / f"{spec.replace(':', '-').replace('=', '')}-{kind}"
            found[kind].append(once(stem, partial(_at_initialisation, spec, asked)))
    return {kind: combined(results) for kind, results in found.items()}


def _paths(asked: argparse.Namespace) -> list[Path]:
    """Return the checkpoints; in a tiny run a plain network is trained beside the residual one."""
    if asked.smoke and not any(path.stem == "plain14" for path in asked.ckpt):
        asked.ckpt.append(trained(asked.out / "checkpoints" / "plain14.pt", name="plain14"))
    return list(asked.ckpt)


def _readers(asked: argparse.Namespace) -> list[Callable[[], Subject]]:
    """Return what reads each network, once however often it is asked for."""
    kept: dict[int, Subject] = {}

    def reader(number: int, read: Callable[[], Subject]) -> Subject:
        if number not in kept:
            kept.clear()
            kept[number] = read()
        return kept[number]

    return [partial(reader, number, read) for number, read in enumerate(given(asked))]


def _trained_kinds(
    read: Callable[[], Subject], asked: argparse.Namespace
) -> dict[str, Callable[[], Result]]:
    def sizes(kind: str) -> Result:
        found = read()
        named = {"network": found.name, "about": found.about}
        statistics = "batch" if kind == "stored" else "running"
        blocks, layers = magnitude(
            found.chain, found.shown(asked.images), batch_norm=statistics, **named
        )
        return blocks if kind == "magnitude" else layers

    def flow() -> Result:
        found = read()
        data = found.shown(asked.gradients)
        return gradflow(found.chain, data, network=found.name, about=found.about).blocks

    return {
        **{kind: partial(sizes, kind) for kind in ("magnitude", "responses", "stored")},
        "flow": flow,
    }


def _new_networks(asked: argparse.Namespace) -> dict[str, list[str]]:
    plain, residual, scaled = (
        ("plain14", "resnet14", "preresnet14") if asked.smoke
        else ("plain56", "resnet56", "preresnet110")
    )  # fmt: skip
    return {
        "initial": [f"{name}:width={WIDTH}" for name in (plain, residual)],
        "scaled": [f"{scaled}:width={WIDTH}:shortcut=scaled:scale={at}" for at in LAMBDAS],
    }


def _at_initialisation(spec: str, asked: argparse.Namespace) -> Result:
    images = load_data("embedded", split="test").subset(asked.gradients)
    data = Batches(images, images.normalisation, batch_size=64)
    model = Architecture.parse(spec, in_channels=1).build(seed=0)
    chain = unravel(model, data.example())
    statistics = "batch" if has_batch_norm(chain) else "running"
    about = {"initialisation": "seed 0"}
    return gradflow(chain, data, network=spec, batch_norm=statistics, about=about).blocks


def options(parser: argparse.ArgumentParser) -> None:
    """Add the theme's own options."""
    parser.add_argument("--images", type=int, default=1_000, help="for sizes and responses")
    parser.add_argument("--gradients", type=int, default=256, help="images for gradients")


THEME = Theme(
    name="magnitudes",
    about=__doc__,
    kinds=KINDS,
    measure=measure,
    claims=claims,
    options=options,
    smoke={"images": 40, "gradients": 20},
    draw=draw,
    needs_networks=True,
)

if __name__ == "__main__":
    THEME.run()
