"""Which layers represent the same images alike? CKA within and between networks, measured again.

Question  Are block outputs more alike than layers inside blocks, and layers of one stage more than
          those of different stages? Do corresponding layers of two seeds find each other?
Command   python analyses/similarity.py --ckpt resnet20.th --ckpt resnet32.th --data folder:PATH
          with --seeds a-s0.pt,a-s1.pt for each pair of networks that differ in their seed; --data
          is for networks that do not know their images. What is measured is kept in OUT/parts.
Cost      One forward pass of every network over --images, and Gram matrices, which take about as
          long: a minute for networks of 20 and 32 layers on one core. --smoke takes seconds.
Source    Kornblith et al. 2019, section 6.1 (Table 2) and Fig. 3; Nguyen, Raghu, Kornblith 2021.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from claims import Claim, near, signed
from matplotlib.figure import Figure
from script import Theme, given
from subjects import Subject, labelled, subject, trained

from resprobe import similarity
from resprobe.errors import UsageError
from resprobe.figures import figure
from resprobe.probes import Compared
from resprobe.results import Result, combined

KINDS = ("similarity", "similarity-summary")


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Compare the networks that saw the same images, and the networks of each pair of seeds."""
    groups: dict[str, list[Callable[[], Subject]]] = {
        "+".join(path.stem for path in asked.ckpt): given(asked)
    }
    for pair in _pairs(asked):
        groups["+".join(path.stem for path in pair)] = [partial(subject, path) for path in pair]
    found = []
    for name, read in groups.items():
        stem = asked.out / "parts" / name
        files = [stem.with_name(f"{name}-{kind}.csv") for kind in KINDS]
        if not all(file.exists() for file in files):
            print(f"comparing {name}", flush=True)
            for kind, result in zip(KINDS, _compared([r() for r in read], asked), strict=True):
                result.save_as(stem.with_name(f"{name}-{kind}"))
        found.append([labelled(Result.load(file), asked.label) for file in files])
    return {
        kind: combined(parts) for kind, parts in zip(KINDS, zip(*found, strict=True), strict=True)
    }


def _pairs(asked: argparse.Namespace) -> list[tuple[Path, Path]]:
    if asked.smoke:
        folder = asked.out / "checkpoints"
        return [(trained(folder / "a-s0.pt"), trained(folder / "a-s1.pt", seed=1))]
    found = [tuple(Path(part) for part in text.split(",")) for text in asked.seeds]
    if any(len(pair) != 2 or pair[0].stem == pair[1].stem for pair in found):
        raise UsageError(
            "--seeds wants two checkpoints of different names with a comma between them; got "
            f"{' '.join(asked.seeds)}"
        )
    return found


def _compared(found: list[Subject], asked: argparse.Namespace) -> tuple[Result, Result]:
    first, *others = (
        Compared(chain=s.chain, data=s.shown(asked.images), network=s.name, about=s.about)
        for s in found
    )
    return similarity(
        first.chain, first.data, network=first.network, others=others, interiors=True,
        about=first.about,
    )  # fmt: skip


def draw(results: Mapping[str, Result]) -> dict[str, Figure]:
    """Draw a figure for each group of networks that were compared."""
    made = {}
    for number, names in enumerate(_groups(results["similarity"])):
        for kind, result in results.items():
            frame = result.frame[result.frame["network"].isin(names)]
            networks = [n for n in result.meta["networks"] if n["network"] in names]
            data = networks[0].get("data", result.meta["data"])
            part = Result(kind, frame, {**result.meta, "networks": networks, "data": data})
            made[f"{kind}-{number}" if number else kind] = figure(part)
    return made


def _groups(result: Result) -> list[list[str]]:
    """Return the names of the networks that were compared with each other."""
    groups: list[list[str]] = []
    pairs = result.frame[["network", "other_network"]].drop_duplicates()
    for one, other in pairs.itertuples(index=False):
        here = next((group for group in groups if one in group or other in group), None)
        if here is None:
            groups.append(here := [])
        here += [name for name in dict.fromkeys((one, other)) if name not in here]
    return groups


def claims(results: Mapping[str, Result]) -> Iterator[Claim]:
    """Judge every claim for every network and pair."""
    summary = results["similarity-summary"]
    n = results["similarity"].frame.groupby("network", sort=False)["n"].first()
    data = {
        entry["network"]: entry.get("data", summary.meta["data"])
        for entry in summary.meta["networks"]
    }
    plain = {entry["network"] for entry in summary.meta["networks"] if entry["plain"]}
    for row in summary.frame.to_dict("records"):
        one, other = row["network"], row["other_network"]
        setting = f"{data[one]['data_set']}, {data[one]['split']}"
        if row["measure"] == "difference" and one == other:
            about_places = "-" in row["places"]
            if not (one in plain and about_places):  # only of residual networks is that said
                yield from _differences(row, f"{one}; {setting}", int(n[one]))
        elif row["measure"] == "identified" and row["places"] != "interior":
            layers = {"all": "layers", "output": "block outputs"}
            yield Claim(
                claim=f"share of {layers[row['places']]} most like the corresponding one of the "
                "other seed",
                source="Kornblith et al. 2019, Table 2", published="99.3 % (10-layer All-CNN-C)",
                measured=row["value"], low=row["low"], high=row["high"], n=row["n"], of="layers",
                setting=f"{one} in {other}; {setting}", percent=True,
                verdict=near(row["value"], 0.993, low=row["low"], high=row["high"],
                             away_from=1 / row["n"]),
            )  # fmt: skip


def _differences(row: Mapping[str, object], setting: str, n: int) -> Iterator[Claim]:
    words = {
        ("output, output - interior, interior", "all"): "block outputs are more alike than layers "
        "inside blocks",
        ("output, output", "same - different"): "outputs of one stage are more alike than those "
        "of different stages",
        ("interior, interior", "same - different"): "so are the layers inside blocks",
    }
    said = words.get((str(row["places"]), str(row["stages"])))
    if said is None:
        return
    value, low, high = (float(row[name]) for name in ("value", "low", "high"))
    yield Claim(
        claim=f"{said}: difference of mean CKA",
        source="Kornblith et al. 2019, Fig. 3", published="above 0", measured=value, low=low,
        high=high, n=n, of="images", setting=setting, verdict=signed(value, low, high, 1),
    )  # fmt: skip


def options(parser: argparse.ArgumentParser) -> None:
    """Add the theme's own options."""
    parser.add_argument("--images", type=int, default=2_000)
    parser.add_argument(
        "--seeds", action="append", default=[], help="two checkpoints of one architecture, A,B"
    )


THEME = Theme(
    name="similarity", about=__doc__, kinds=KINDS, measure=measure, claims=claims,
    options=options, smoke={"images": 80}, draw=draw, needs_networks=True,
)  # fmt: skip

if __name__ == "__main__":
    THEME.run()
