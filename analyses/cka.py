"""Block outputs are alike, layers inside blocks less so: a chequered grid of CKA.

Number    22
Question  Are block outputs more alike than layers inside blocks, and layers of one stage more than
          those of different stages? Do corresponding layers of two seeds find each other?
Command   python analyses/cka.py --ckpt resnet20.th --ckpt resnet32.th --data folder:cifar10-jpeg \
              --label "CIFAR-10, JPEG copies"
Full      resprobe train --arch resnet62 --data cifar10 --seed 0 --out resnet62-s0.pt
          resprobe train --arch resnet62 --data cifar10 --seed 1 --out resnet62-s1.pt
          python analyses/cka.py --only-ckpt --ckpt resnet62-s0.pt --ckpt resnet62-s1.pt \
              --images 10000
Cost      Two minutes on one core: a forward pass of each network over 2,000 images, and Gram
          matrices, which take about as long. The four networks of width 8 are trained first where
          they are not there, some 3 min each.
Source    Kornblith et al. 2019, section 6.1, Table 2 and Fig. 3; estimator of Nguyen, Raghu,
          Kornblith 2021.
Setting   Figure 3 is of a ResNet-62 on CIFAR-10, Table 2 of ten All-CNN-C networks of 10 layers.
          Here: published weights of ResNet-20 and 32, and two seeds of width-8 networks of 20
          layers, of which each is asked for its layers in the other.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kit.analysis import Analysis
from kit.claims import Claim, near, signed
from kit.networks import Own, seeds
from kit.subjects import Network, once
from matplotlib.figure import Figure

from resprobe import similarity
from resprobe.figures import figure
from resprobe.probes import Compared
from resprobe.results import Result, combined

KINDS = ("similarity", "similarity-summary")
SAID = {
    ("output, output - interior, interior", "all"): "block outputs are more alike than layers "
    "inside blocks",
    ("output, output", "same - different"): "outputs of one stage are more alike than those of "
    "different stages",
    ("interior, interior", "same - different"): "layers inside blocks of one stage are more alike "
    "than those of different stages",
}


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Compare the networks of each group: of one architecture, or trained elsewhere."""
    found = []
    for group in groups(asked.found):
        stem = asked.parts / "+".join(network.name for network in group)
        compared: list[tuple[Result, ...]] = []

        def part(at: int, group=group, compared=compared) -> Result:
            if not compared:
                compared.append(_compared(group, asked.images))
            return compared[0][at]

        found.append([
            once(stem.with_name(f"{stem.name}-{kind}"), lambda at=at, part=part: part(at))
            for at, kind in enumerate(KINDS)
        ])  # fmt: skip
    return {
        kind: combined(parts) for kind, parts in zip(KINDS, zip(*found, strict=True), strict=True)
    }


def groups(networks: Iterable[Network]) -> list[list[Network]]:
    """Put networks together whose names differ in their seed alone, and those without one.

    Those without one, which were trained elsewhere, come first.
    """
    found: dict[str, list[Network]] = {"": []}
    for network in networks:
        seed = re.search(r"-s\d+$", network.name)
        found.setdefault(network.name[: seed.start()] if seed else "", []).append(network)
    return [group for group in found.values() if group]


def _compared(group: list[Network], images: int) -> tuple[Result, ...]:
    first, *others = (
        Compared(chain=s.chain, data=s.shown(images), network=s.name, about=s.about)
        for s in (network.read() for network in group)
    )
    return similarity(
        first.chain, first.data, network=first.network, others=others, interiors=True,
        about=first.about,
    )  # fmt: skip


def draw(results: Mapping[str, Result]) -> dict[str, Figure]:
    """Draw a figure for each group of networks that were compared."""
    made = {}
    for number, names in enumerate(_drawn(results["similarity"])):
        for kind, result in results.items():
            frame = result.frame[result.frame["network"].isin(names)]
            networks = [n for n in result.meta["networks"] if n["network"] in names]
            data = networks[0].get("data", result.meta["data"])
            part = Result(kind, frame, {**result.meta, "networks": networks, "data": data})
            made[f"{kind}-{number}" if number else kind] = figure(part)
    return made


def _drawn(result: Result) -> list[list[str]]:
    """Return the names of the networks that were compared with each other."""
    found: list[list[str]] = []
    pairs = result.frame[["network", "other_network"]].drop_duplicates()
    for one, other in pairs.itertuples(index=False):
        here = next((group for group in found if one in group or other in group), None)
        if here is None:
            found.append(here := [])
        here += [name for name in dict.fromkeys((one, other)) if name not in here]
    return found


def claims(results: Mapping[str, Result]) -> Iterator[Claim]:
    """Judge every claim for every network and pair, the deepest residual network first."""
    layers = results["similarity"].frame.groupby("network", sort=False)
    count, shown = layers["layer"].nunique(), layers["n"].first()
    meta = results["similarity-summary"].meta
    about = {entry["network"]: entry for entry in meta["networks"]}

    def place(row: Mapping[str, Any]) -> tuple[bool, int]:
        return about[row["network"]]["plain"], -int(count[row["network"]])

    rows = results["similarity-summary"].frame.to_dict("records")
    for row in sorted(rows, key=place):
        one, other = row["network"], row["other_network"]
        data = about[one].get("data", meta["data"])
        setting = f"{data['data_set']}, {data['split']}"
        if row["measure"] == "difference" and one == other:
            only_of_residual = "-" in row["places"]
            if not (about[one]["plain"] and only_of_residual):
                yield from _difference(row, f"{one}; {setting}", int(shown[one]))
        elif row["measure"] == "identified" and row["places"] != "interior":
            yield _identified(row, f"{one} in {other}; {setting}")


def _difference(row: Mapping[str, Any], setting: str, n: int) -> Iterator[Claim]:
    said = SAID.get((row["places"], row["stages"]))
    if said is not None:
        yield Claim(
            claim=f"{said}: difference of mean CKA", source="Kornblith et al. 2019, Fig. 3",
            published="above 0", measured=row["value"], low=row["low"], high=row["high"], n=n,
            of="images", setting=setting,
            verdict=signed(row["value"], row["low"], row["high"], 1),
        )  # fmt: skip


def _identified(row: Mapping[str, Any], setting: str) -> Claim:
    layers = {"all": "layers", "output": "block outputs"}[row["places"]]
    return Claim(
        claim=f"share of {layers} most like the corresponding one of the other seed",
        source="Kornblith et al. 2019, Table 2", published="99.3 % (10-layer All-CNN-C)",
        measured=row["value"], low=row["low"], high=row["high"], n=row["n"], of="layers",
        setting=setting, percent=True,
        verdict=near(row["value"], 0.993, low=row["low"], high=row["high"],
                     away_from=1 / row["n"]),
    )  # fmt: skip


def _captions() -> Iterator[tuple[str, str]]:
    for number in range(10):
        end = f"-{number}" if number else ""
        yield f"similarity{end}", "Linear CKA of all pairs of layers; white lines part the stages."
        yield (
            f"similarity-summary{end}",
            (
                "Mean CKA over pairs of layers by their places and stages, and the share of layers "
                "that are most like the corresponding one of the other network."
            ),
        )


ANALYSIS = Analysis(
    file=__file__,
    kinds=KINDS,
    measure=measure,
    claims=claims,
    captions=dict(_captions()),
    draw=draw,
    options=lambda parser: parser.add_argument("--images", type=int, default=2_000),
    smoke={"images": 80},
    own=(*seeds(Own(arch="resnet20"), 2), *seeds(Own(arch="plain20"), 2)),
    any_networks=True,
)

if __name__ == "__main__":
    ANALYSIS.run()
