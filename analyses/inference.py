"""Do residual blocks refine one answer step by step? Read-outs, measured again.

Question  Do branches go down the loss, more so in later blocks? Does the network's own head read
          gradually better over the last stage? Are a stage's blocks estimates of its output,
          without bias and ever closer? Do the last blocks repair what is undecided, and after
          how many blocks is an image decided?
Command   python analyses/inference.py --ckpt r110.pt --ckpt resnet20.th --data folder:PATH
          Any trained residual networks whose data sets have training images, which linear probes
          are fitted on; --data is for those that do not know their images. What is measured is
          kept in OUT/parts and not measured again.
Cost      One forward and backward pass over --images, one forward pass over --fit-images: some
          minutes for a network of 20 or 32 layers on one core. --smoke takes seconds.
Source    Jastrzebski et al. 2018, Figs. 4 to 6; Greff et al. 2017, Fig. 3; Alain and Bengio 2016;
          "When do models actually decide?", CVPR 2026.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from inference_claims import KINDS, claims
from matplotlib.figure import Figure
from script import Theme, given
from subjects import Subject, labelled

from resprobe import readout
from resprobe.figures import figure
from resprobe.results import Result, combined


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Read out every network that is not read out yet."""
    found = []
    for path, read, train in zip(
        asked.ckpt, given(asked), given(asked, split="train"), strict=True
    ):
        stem = asked.out / "parts" / path.stem
        files = [stem.with_name(f"{stem.name}-{kind}.csv") for kind in KINDS]
        if not all(file.exists() for file in files):
            _measured(read(), train(), asked, stem.name, stem.parent)
        found.append([_labelled(Result.load(file), asked.label) for file in files])
    return {
        kind: combined(parts) for kind, parts in zip(KINDS, zip(*found, strict=True), strict=True)
    }


def _labelled(result: Result, label: str) -> Result:
    """Call images from a folder what they are, those that probes are fitted on too."""
    shown = labelled(result, label)
    named = shown.meta["data"]["data_set"]
    networks = [
        {**network, "probes_fitted_on": {**network["probes_fitted_on"], "data_set": named}}
        for network in shown.meta["networks"]
    ]
    return Result(shown.name, shown.frame, {**shown.meta, "networks": networks})


def _measured(
    read: Subject, train: Subject, asked: argparse.Namespace, name: str, parts: Path
) -> None:
    print(f"reading out {name}", flush=True)
    fit = replace(train.shown(asked.fit_images), normalisation=read.data.normalisation)
    found = readout(
        read.chain, read.shown(asked.images), network=read.name, fit=fit, about=read.about
    )
    for kind, result in zip(KINDS, found, strict=True):
        result.save_as(parts / f"{name}-{kind}")


def draw(results: Mapping[str, Result]) -> dict[str, Figure]:
    """Draw networks that saw the same images together."""
    made = {}
    for kind, result in results.items():
        for number, part in enumerate(_by_images(result)):
            made[f"{kind}-{number}" if number else kind] = figure(part)
    return made


def _by_images(result: Result) -> list[Result]:
    groups: dict[str, list[dict[str, object]]] = {}
    for network in result.meta["networks"]:
        data = network.get("data", result.meta["data"])
        groups.setdefault(str(data["data_set"]), []).append(network)
    parts = []
    for networks in groups.values():
        names = [network["network"] for network in networks]
        data = networks[0].get("data", result.meta["data"])
        meta = {**result.meta, "networks": networks, "data": data}
        parts.append(Result(result.name, result.frame[result.frame["network"].isin(names)], meta))
    return parts


def options(parser: argparse.ArgumentParser) -> None:
    """Add the theme's own options."""
    parser.add_argument("--images", type=int, default=5_000, help="to read")
    parser.add_argument("--fit-images", type=int, default=10_000, help="to fit probes on")


THEME = Theme(
    name="inference", about=__doc__, kinds=KINDS, measure=measure, claims=claims,
    options=options, smoke={"images": 60, "fit_images": 100}, draw=draw, needs_networks=True,
)  # fmt: skip

if __name__ == "__main__":
    THEME.run()
