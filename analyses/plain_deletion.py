"""A plain network does not survive a deletion.

Number    4
Question  Each layer of a trained plain network that keeps the shape is deleted in turn. Does the
          error rise to that of chance, whichever it is?
Command   python analyses/plain_deletion.py
Full      resprobe train --arch vgg15 --data cifar10 --recipe he2015-cifar --out vgg15.pt
          python analyses/plain_deletion.py --only-ckpt --ckpt vgg15.pt --images 10000
Cost      1 min for each network on one core: L passes over half of the network for L layers.
Source    Veit et al. 2016, Fig. 3.
Setting   The paper deletes layers of a VGG of 15 layers that was trained on CIFAR-10. Here: a plain
          network of 20 layers and width 8, after 15 epochs of Fashion-MNIST. Layers are deleted
          one by one, and in the pairs that a residual network of the same layout, trained alike,
          has as its blocks. BatchNorm keeps its statistics.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator, Mapping

import pandas as pd
from kit.analysis import Analysis
from kit.claims import Claim, near, signed
from kit.nearness import GROUPS, captioned, drawn, group_of
from kit.networks import Own
from kit.subjects import Network, Subject, once
from kit.tables import Rows, measured_once, rows_of
from matplotlib.figure import Figure

from resprobe import lesion, studies, unravel
from resprobe.errors import InputError
from resprobe.results import Result, combined
from resprobe.statistics import spread

SOURCE = "Veit et al. 2016, Fig. 3"


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Delete the blocks of all networks, and the layers of the plain ones."""

    def deleted(subject: Subject) -> Result:
        images = subject.shown(asked.images)
        return lesion(subject.chain, images, network=subject.name, about=subject.about)

    def layer_by_layer(network: Network) -> Result:
        subject = network.read()
        images = subject.shown(asked.images)
        chain = unravel(subject.chain, images.example(), layers=True)
        found = lesion(
            chain, images, study=studies.Layers(), network=subject.name, about=subject.about
        )
        return Result(found.name, with_own_names(found.frame), found.meta)

    blocks = measured_once(asked, "blocks", deleted)
    plain = [facts["network"] for facts in blocks.meta["networks"] if facts["plain"]]
    if not plain:
        raise InputError("none of the networks is plain; name one with --ckpt")
    layers = [
        once(asked.parts / f"{network.name}-layers", lambda n=network: layer_by_layer(n))
        for network in asked.found
        if network.name in plain
    ]
    return {"layers": combined(layers), "blocks": blocks}


def with_own_names(frame: pd.DataFrame) -> pd.DataFrame:
    """Call layers as the model does, and not as the chain in which they lie.

    Examples
    --------
    >>> with_own_names(pd.DataFrame({"name": ["steps.0.layers.layer1.0.conv1"]}))["name"][0]
    'layer1.0.conv1'
    """
    inside = re.compile(r"^(stem|steps\.\d+|head)\.layers\.")
    return frame.assign(name=[inside.sub("", name) for name in frame["name"]])


def claims(results: Mapping[str, Result]) -> Iterable[Claim]:
    """Compare the error after a deletion with chance, and with a residual network."""
    for rows in sorted(rows_of(results["layers"]), key=_nearest):
        yield from _against_chance(rows, "layer", "layers")
    everything = sorted(rows_of(results["blocks"]), key=_nearest)
    for rows in everything:
        if rows.facts["plain"]:
            yield from _against_chance(rows, "pair of layers", "pairs")
    for plain in everything:
        for residual in everything:
            if plain.facts["plain"] and not residual.facts["plain"] and alike(plain, residual):
                yield _against_residual(plain, residual)


def _nearest(rows: Rows) -> tuple[int, int]:
    """Sort CIFAR-10 before other images, and deep networks before shallow ones."""
    return list(GROUPS).index(group_of(rows)), -rows.blocks


def _against_chance(rows: Rows, what: str, plural: str) -> Iterator[Claim]:
    intact = float(rows.frame.loc[rows.frame["lesion"] == "intact", "error"].iloc[0])
    errors = deletions(rows)["error"]
    half = (intact + rows.chance) / 2
    found = spread(errors.tolist())
    low, high = max(0.0, found.low), min(1.0, found.high)
    setting = f"{rows.setting}; intact error {100 * intact:.1f} %"
    yield Claim(
        claim=f"error after the deletion of one {what} that keeps the shape, mean over these",
        source=SOURCE, published=f"chance, {100 * rows.chance:.0f} %",
        measured=found.mean, low=low, high=high, n=found.n, of=plural, percent=True,
        setting=setting,
        verdict=near(found.mean, rows.chance, low=low, high=high, away_from=half),
    )  # fmt: skip
    least = deletions(rows).loc[errors.idxmin()]
    low, high = 1 - least["accuracy_high"], 1 - least["accuracy_low"]
    yield Claim(
        claim=f"error after the deletion of the {what} that matters least, "
        f"{'block ' * (what != 'layer')}{least['name']}",
        source=SOURCE, published=f"chance, {100 * rows.chance:.0f} %, whichever is deleted",
        measured=least["error"], low=low, high=high, n=least["n"], of="images", percent=True,
        setting=setting,
        verdict=near(least["error"], rows.chance, low=low, high=high, away_from=half),
    )  # fmt: skip


def _against_residual(plain: Rows, residual: Rows) -> Claim:
    """Compare block by block, those that keep the shape."""
    pair = deletions(plain).set_index("blocks")["error_rise"]
    other = deletions(residual).set_index("blocks")["error_rise"].reindex(pair.index)
    found = spread((pair - other).tolist())
    return Claim(
        claim="rise of the error after the deletion of one block that keeps the shape: plain less "
        "residual, mean over blocks",
        source=SOURCE, published="above 0",
        measured=found.mean, low=found.low, high=found.high, n=found.n, of="blocks", percent=True,
        setting=f"{plain.setting}, and {residual.network}",
        verdict=signed(found.mean, found.low, found.high, 1),
    )  # fmt: skip


def deletions(rows: Rows) -> pd.DataFrame:
    """Return the deletions of what keeps the shape."""
    return rows.frame[rows.frame["kind"] == "identity"]


def alike(one: Rows, other: Rows) -> bool:
    """Tell whether two networks have as many blocks, and were trained alike on the same images."""
    return (
        one.blocks == other.blocks
        and one.facts["training"] == other.facts["training"]
        and one.images == other.images
    )


def draw(results: Mapping[str, Result]) -> dict[str, Figure]:
    """Draw the error after each deletion."""
    return {stem: made for kind, result in results.items()
            for stem, made in drawn(result, kind).items()}  # fmt: skip


def options(parser: argparse.ArgumentParser) -> None:
    """Add the script's own options."""
    parser.add_argument("--images", type=int, default=1_000, help="to test each deletion on")


LAYERS = (
    "Error of plain networks after the deletion of each layer; crosses are layers whose deletion "
    "the shapes forbid."
)
BLOCKS = (
    "Error after the deletion of each block: two layers of a plain network, or the branch of a "
    "residual one."
)

ANALYSIS = Analysis(
    file=__file__,
    kinds=("layers", "blocks"),
    measure=measure,
    claims=claims,
    captions={**captioned("layers", LAYERS), **captioned("blocks", BLOCKS)},
    draw=draw,
    options=options,
    smoke={"images": 100},
    own=tuple(Own(arch=arch) for arch in ("plain20", "resnet20", "plain56", "preresnet56")),
    any_networks=True,
)

if __name__ == "__main__":
    ANALYSIS.run()
