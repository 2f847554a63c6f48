"""The CIFAR networks have the published sizes, and plain ones the same as residual ones.

Number    1
Question  Do ResNet-20, 32, 44, 56, 110 and 1202 have 0.27, 0.46, 0.66, 0.85, 1.7 and 19.4 million
          parameters, and plain networks exactly as many?
Command   python analyses/sizes.py
Cost      Under a minute on one core: networks are counted on the meta device, without weights.
Source    He et al. 2015, section 4.2 and Table 6; He et al. 2016, Table 4.
Setting   None is needed: counts of width 16, shortcuts without parameters (option A).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping

import pandas as pd
from kit.analysis import Analysis
from kit.claims import Claim, Verdict
from kit.panels import dots, law, sheet
from matplotlib.figure import Figure
from torch import nn

from resprobe import Architecture, size_table
from resprobe.results import Result, versions

HE15, HE16 = "He et al. 2015, Table 6", "He et al. 2016, Table 4"
PUBLISHED = {  # millions, with the published digits
    "resnet20": "0.27", "resnet32": "0.46", "resnet44": "0.66", "resnet56": "0.85",
    "resnet110": "1.7", "resnet1202": "19.4", "preresnet164": "1.7", "preresnet1001": "10.2",
}  # fmt: skip
FAMILIES = ("plain", "resnet")


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Count every network, and the parameters that are not BatchNorm's."""
    names = [f"{family}{depth}" for family in FAMILIES for depth in asked.depths]
    table = size_table([Architecture(name) for name in [*names, *asked.bottlenecks]])
    table["family"] = table["network"].str.rstrip("0123456789")
    table["weights"] = [weights_of(name) for name in table["network"]]
    wanted = ["network", "family", "depth", "blocks", "block", "width", "parameters", "weights",
              "multiply_adds", "image_size"]  # fmt: skip
    setting = ["width 16", "two-layer blocks: shortcuts of option A", "32x32 pixels"]
    return {"sizes": Result("sizes", table[wanted], {**versions(), "setting": setting})}


def weights_of(name: str) -> int:
    """Count what convolutions and linear layers have."""
    layers = (nn.Conv2d, nn.Linear)
    network = Architecture(name).build(device="meta")
    return sum(
        parameter.numel()
        for module in network.modules()
        if isinstance(module, layers)
        for parameter in module.parameters(recurse=False)
    )


def by_hand(depth: int, *, width: int = 16) -> int:
    """Add up the parameters of a network of 6n + 2 layers as one does on paper.

    Examples
    --------
    >>> by_hand(8), by_hand(20)
    (75290, 269722)
    """
    blocks, total, channels = (depth - 2) // 6, 3 * 9 * width + 2 * width, width
    for wide in (width, 2 * width, 4 * width):
        first = 9 * channels * wide + 2 * wide
        total += first + (2 * blocks - 1) * (9 * wide * wide + 2 * wide)
        channels = wide
    return total + channels * 10 + 10


def claims(results: Mapping[str, Result]) -> Iterable[Claim]:
    """Compare the counts with the published ones, digit by digit."""
    frame = results["sizes"].frame.set_index("network")
    parameters = frame["parameters"]
    there = [name for name in PUBLISHED if name in frame.index and name.startswith("resnet")]
    agree = [agrees(parameters[name], PUBLISHED[name]) for name in there]
    yield Claim(
        claim="ResNets whose number of parameters rounds to the published one",
        source=HE15,
        published="/".join(PUBLISHED[name] for name in there) + " million: all",
        measured=sum(agree) / len(agree),
        n=len(agree),
        of="networks",
        setting=", ".join(there),
        percent=True,
        verdict=Verdict.REPRODUCED if all(agree) else Verdict.NOT_REPRODUCED,
    )
    for name in [*there, *(name for name in PUBLISHED if name.startswith("pre"))]:
        if name in frame.index:
            yield _count(name, int(parameters[name]))
    yield from _differences(frame)


def agrees(count: float, published: str) -> bool:
    """Tell whether a count is the published number of millions, to its digits.

    Examples
    --------
    >>> agrees(269_722, "0.27"), agrees(1_760_000, "1.7")
    (True, False)
    """
    digits = len(published.partition(".")[2])
    return f"{count / 1e6:.{digits}f}" == published


def _count(name: str, parameters: int) -> Claim:
    published = PUBLISHED[name]
    return Claim(
        claim=f"millions of parameters of {name}",
        source=HE16 if name.startswith("pre") else HE15,
        published=published,
        measured=parameters / 1e6,
        n=1,
        of="network",
        setting=f"exact count: {parameters:,}",
        verdict=Verdict.REPRODUCED if agrees(parameters, published) else Verdict.NOT_REPRODUCED,
    )


def _differences(frame: pd.DataFrame) -> Iterable[Claim]:
    basic = frame[frame["block"] == "basic"]
    table = basic.pivot(index="depth", columns="family", values="parameters")
    for claim, source, gap in (
        ("largest difference between a plain and a residual network's parameters",
         "He et al. 2015, section 3.3", table["plain"] - table["resnet"]),
        ("largest difference to the sum of all layers by hand",
         "follows from He et al. 2015, section 4.2",
         table["resnet"] - [by_hand(int(depth)) for depth in table.index]),
    ):  # fmt: skip
        largest = float(gap.abs().max())
        yield Claim(
            claim=claim,
            source=source,
            published="0",
            measured=largest,
            n=len(gap),
            of="depths",
            setting=", ".join(str(depth) for depth in table.index),
            verdict=Verdict.REPRODUCED if largest == 0 else Verdict.NOT_REPRODUCED,
        )


def draw(results: Mapping[str, Result]) -> dict[str, Figure]:
    """Draw parameters and multiply-adds over depth."""
    result = results["sizes"]
    with sheet(result, 2, height=3.2) as (made, axes):
        for place, (family, rows) in enumerate(result.frame.groupby("family", sort=False)):
            look = {"linestyle": "", "label": family, "markersize": 7 - 2.2 * place}
            for ax, column in zip(axes, ("parameters", "multiply_adds"), strict=True):
                dots(ax, place, rows["depth"], rows[column] / 1e6, **look)
        depths = sorted(result.frame.loc[result.frame["block"] == "basic", "depth"].unique())
        law(
            axes[0],
            depths,
            [by_hand(depth) / 1e6 for depth in depths],
            label="sum by hand (two-layer blocks)",
        )
        known = result.frame[result.frame["network"].isin(list(PUBLISHED))]
        axes[0].plot(known["depth"], [float(PUBLISHED[name]) for name in known["network"]], "_",
                     color="#262626", markersize=12, label="published")  # fmt: skip
        axes[0].set_ylabel("Parameters (millions)")
        axes[1].set_ylabel("Multiply-adds of one image\n(millions)")
        for ax in axes:
            ax.set(xscale="log", yscale="log", xlabel="Depth (weighted layers)")
            for axis in (ax.xaxis, ax.yaxis):
                axis.set_major_formatter("{x:g}")
    return {"sizes": made}


def options(parser: argparse.ArgumentParser) -> None:
    """Set what is counted."""
    parser.set_defaults(
        depths=(8, 20, 32, 44, 56, 110, 1202), bottlenecks=("preresnet164", "preresnet1001")
    )


ANALYSIS = Analysis(
    file=__file__,
    kinds=("sizes",),
    measure=measure,
    claims=claims,
    captions={
        "sizes": "Parameters and multiply-adds of plain and residual CIFAR networks, beside the "
        "published sizes."
    },
    draw=draw,
    options=options,
    smoke={"depths": (8, 20, 32), "bottlenecks": ()},
)

if __name__ == "__main__":
    ANALYSIS.run()
