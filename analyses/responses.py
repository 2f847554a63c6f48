"""Layers of residual networks respond less than those of plain ones, and less the deeper.

Number    12
Question  Is the standard deviation of what BatchNorm gives, before the ReLU or the sum, smaller in
          residual networks than in plain ones, and smaller in deeper ones? Is it what BatchNorm's
          parameters say without any image? And are gradients of trained plain networks healthy?
Command   python analyses/responses.py --ckpt resnet20.th --ckpt resnet32.th \
              --data folder:cifar10-jpeg --label "CIFAR-10, JPEG copies"
Full      resprobe train --arch plain20 --data cifar10 --out plain20.pt
          resprobe train --arch plain56 --data cifar10 --out plain56.pt
          resprobe train --arch resnet20 --data cifar10 --out resnet20.pt
          resprobe train --arch resnet56 --data cifar10 --out resnet56.pt
          resprobe train --arch resnet110 --data cifar10 --out resnet110.pt
          python analyses/responses.py --only-ckpt --ckpt plain20.pt --ckpt plain56.pt \
              --ckpt resnet20.pt --ckpt resnet56.pt --ckpt resnet110.pt --images 10000
Cost      Two forward passes over 1,000 images, a forward and backward one over 256: 2 min for the
          nine networks on one core.
Source    He et al. 2015, sections 4.1 and 4.2, Fig. 7; Ioffe and Szegedy 2015; Yang et al. 2019.
Setting   Figure 7 is of fully trained networks of width 16 on CIFAR-10, and does not say which
          images. Here: plain and residual networks of width 8 after 15 epochs of Fashion-MNIST,
          and published weights of ResNet-20 and 32. Networks of one training are compared with
          each other; where there is one of a kind, as if its layers were independent draws.
"""

from __future__ import annotations

import argparse
import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from kit.analysis import Analysis
from kit.claims import Claim, near, signed
from kit.comparisons import welch
from kit.nearness import GROUPS, captioned, drawn, group_of
from kit.networks import Own, seeds
from kit.subjects import Subject
from kit.tables import Rows, measured_once, rows_of
from matplotlib.figure import Figure

from resprobe import gradflow, magnitude
from resprobe.probes import Statistics
from resprobe.probes.signals.gradient_laws import gradient_growth
from resprobe.results import Result
from resprobe.statistics import spread

SOURCE = "He et al. 2015, Fig. 7"
STATISTICS: dict[str, Statistics] = {"responses": "running", "stored": "batch"}
SEEDS = 2
Trained = dict[tuple[bool, int], list[Rows]]


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Measure every layer's response, with the running statistics and with the batch's own."""

    def part(read: Subject, statistics: Statistics) -> Result:
        return magnitude(
            read.chain, read.shown(asked.images), network=read.name, batch_norm=statistics,
            about=read.about,
        ).responses  # fmt: skip

    def flow(read: Subject) -> Result:
        shown = read.shown(asked.gradients)
        return gradflow(read.chain, shown, network=read.name, about=read.about).blocks

    return {
        **{kind: measured_once(asked, kind, partial(part, statistics=statistics))
           for kind, statistics in STATISTICS.items()},
        "gradients": measured_once(asked, "gradients", flow),
    }  # fmt: skip


def claims(results: Mapping[str, Result]) -> Iterator[Claim]:
    """Compare residual with plain networks, the deepest first, then residual ones by depth."""
    trainings = _trainings(results["responses"])
    for networks in trainings:
        yield from _against_plain(networks)
    for networks in trainings:
        yield from _by_depth(networks)
    yield from _gradients(results["gradients"])
    yield from _identity(results["stored"])


def _trainings(result: Result) -> list[Trained]:
    """Return what can be compared: networks of one training, by kind and depth, seeds together.

    Those for CIFAR-10 come before those for other images; pre-activation networks, which have no
    norm behind their branches, are left out.
    """
    found: dict[tuple[str, ...], Trained] = defaultdict(lambda: defaultdict(list))
    for one in rows_of(result):
        if not _is_bare(one.frame):
            training = (group_of(one), one.images, one.facts["training"])
            found[training][bool(one.facts["plain"]), one.blocks].append(one)
    order = list(GROUPS)
    return [found[training] for training in sorted(found, key=lambda t: order.index(t[0]))]


def _is_bare(frame: pd.DataFrame) -> bool:
    last = frame[frame["place"] == "branch"].dropna(subset="rank").groupby("block").tail(1)
    return bool(len(last)) and bool((last["norm"] == "").all())


def _against_plain(networks: Trained) -> Iterator[Claim]:
    for plain, blocks in sorted(networks, reverse=True):
        if plain or (True, blocks) not in networks:
            continue
        pair = networks[False, blocks], networks[True, blocks]
        one, other = (mean_responses(some) for some in pair)
        if fewest := several(pair):
            mean, low, high = welch(*(means_by_network(some) for some in pair))
        else:
            found = spread((one - other).tolist())
            mean, low, high = found.mean, found.low, found.high
        yield Claim(
            claim=f"layer responses of residual less plain, {len(one) + 1} layers: mean difference "
            "of corresponding layers",
            source=SOURCE, published="below 0 (plain-20, 56)",
            measured=mean, low=low, high=high,
            verdict=signed(mean, low, high, -1), **_counted(pair, fewest, len(one)),
        )  # fmt: skip


def _by_depth(networks: Trained) -> Iterator[Claim]:
    depths = sorted(blocks for plain, blocks in networks if not plain)
    for less, more in itertools.pairwise(depths):
        pair = networks[False, more], networks[False, less]
        deeper, shallower = (mean_responses(some) for some in pair)
        fewest = several(pair)
        replicates = map(means_by_network, pair) if fewest else (deeper, shallower)
        mean, low, high = welch(*replicates)
        yield Claim(
            claim=f"layer responses of residual networks, {len(deeper) + 1} less "
            f"{len(shallower) + 1} layers: difference of the means",
            source=SOURCE, published="below 0 (110 < 56 < 20)",
            measured=mean, low=low, high=high, verdict=signed(mean, low, high, -1),
            **_counted(pair, fewest, len(deeper) + len(shallower)),
        )  # fmt: skip


def several(pair: Sequence[Sequence[Rows]]) -> int:
    """Return how many seeds both kinds have at least, and 0 where one has a single seed."""
    fewest = min(map(len, pair))
    return fewest if fewest > 1 else 0


def _counted(pair: Sequence[Sequence[Rows]], seeds: int, layers: int) -> dict[str, Any]:
    """Say what an interval is over: seeds where both kinds have several, else layers."""
    networks = [one for some in pair for one in some]
    names = ", ".join(one.network for one in networks)
    setting = f"{names} ({networks[0].facts['training']}); {networks[0].images}"
    if seeds:
        return {"n": seeds, "of": "seeds of each", "setting": setting}
    return {"n": layers, "of": "layers", "setting": f"{setting}; layers as if independent"}


def mean_responses(networks: Sequence[Rows]) -> np.ndarray:
    """Return the response of every ranked layer, mean over the seeds."""
    rows = pd.concat([one.frame for one in networks]).dropna(subset="rank")
    table = rows.pivot_table(index="layer", columns="network", values="response_std")
    return table.mean(axis=1).to_numpy()


def means_by_network(networks: Sequence[Rows]) -> np.ndarray:
    """Return the mean over the ranked layers of each network."""
    rows = pd.concat([one.frame for one in networks]).dropna(subset="rank")
    return rows.groupby("network")["response_std"].mean().to_numpy()


def _identity(stored: Result) -> Iterator[Claim]:
    """Hold every layer's response against what its BatchNorm says, with the batch's statistics."""
    frame = stored.frame
    ratio = (frame["response_std"] / frame["from_batch_norm"]).dropna()
    if ratio.empty:
        return
    farthest = (ratio - 1).abs().idxmax()
    yield Claim(
        claim="response over sqrt(mean gamma^2 + var beta), batch statistics: the layer farthest "
        f"from 1 is off by {abs(ratio[farthest] - 1):.1g}",
        source="follows from Ioffe and Szegedy 2015", published="1, but for BatchNorm's eps",
        measured=ratio[farthest], n=len(ratio), of="layers",
        setting=f"all {frame['network'].nunique()} networks; {frame['network'][farthest]}",
        # eps, 1e-5, beside variances of some hundredth
        verdict=near(ratio[farthest], 1.0, tolerance=1e-3),
    )  # fmt: skip


def _gradients(result: Result) -> Iterator[Claim]:
    """Hold the factor per layer of trained plain networks against that of new ones."""
    exploding = gradient_growth()
    for one in rows_of(result):
        growth = one.facts["growth"]
        if not one.facts["plain"] or growth["low"] is None:
            continue
        yield Claim(
            claim="gradient after training, factor per layer, plain",
            source="He et al. 2015, section 4.1; Yang et al. 2019",
            published="below 1.211, that of new ones (healthy norms; the range collapses)",
            measured=growth["factor"], low=growth["low"], high=growth["high"],
            n=growth["blocks"], of="blocks", setting=one.setting,
            verdict=signed(*(growth[k] - exploding for k in ("factor", "low", "high")), -1),
        )  # fmt: skip


def draw(results: Mapping[str, Result]) -> dict[str, Figure]:
    """Draw the layers in order and sorted, seeds by their first, pre-activation networks left out.

    As Fig. 7 of He et al. 2015.
    """
    firsts = [some[0].network for t in _trainings(results["responses"]) for some in t.values()]
    return drawn(results["responses"], "responses", firsts)


def options(parser: argparse.ArgumentParser) -> None:
    """Add how many images are looked at."""
    parser.add_argument("--images", type=int, default=1_000, help="for responses")
    parser.add_argument("--gradients", type=int, default=256, help="images for gradients")


ANALYSIS = Analysis(
    file=__file__,
    kinds=(*STATISTICS, "gradients"),
    measure=measure,
    claims=claims,
    captions=captioned("responses", "Standard deviation of every layer's response."),
    draw=draw,
    options=options,
    smoke={"images": 20, "gradients": 8},
    own=(
        *seeds(Own(arch="plain20"), SEEDS), *seeds(Own(arch="resnet20"), SEEDS),
        *seeds(Own(arch="plain56"), SEEDS), *seeds(Own(arch="resnet56"), SEEDS),
        Own(arch="resnet110"),
    ),
    any_networks=True,
)  # fmt: skip

if __name__ == "__main__":
    ANALYSIS.run()
