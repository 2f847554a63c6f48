"""Sizes and costs of the ImageNet networks are torchvision's, or the paper's, by their layout.

Number    20
Question  Do ResNet-18 to 152 have the parameters and multiply-adds that torchvision prints, and in
          the paper's layout the paper's? Which of the errors quoted beside them are of one crop,
          which of ten?
Command   python analyses/torchvision_table.py
Full      python analyses/torchvision_table.py --imagenet data/imagenet --device cuda
Cost      Under a minute on one core: networks are counted on the meta device. The errors want
          ImageNet's validation images (6 GB), torchvision's weights and some minutes of a GPU.
Source    torchvision's documentation of its V1 weights; He et al. 2015, Tables 1 and 3.
Setting   None is needed for the counts. Multiply-adds are of convolutions and linear layers.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from kit.analysis import Analysis
from kit.claims import Claim, Verdict, near
from kit.panels import dots, sheet
from matplotlib.figure import Figure

from resprobe import Architecture, Batches, build_model, load_data, size_table
from resprobe.devices import pick_device
from resprobe.results import Result, versions
from resprobe.statistics import wilson

TORCHVISION, HE = "torchvision, V1 weights", "He et al. 2015"
PRINTED = {  # parameters, multiply-adds in G, top-1 and top-5 error of one crop in percent
    "resnet18": (11_689_512, "1.814", 30.242, 10.922),
    "resnet34": (21_797_672, "3.664", 26.686, 8.580),
    "resnet50": (25_557_032, "4.089", 23.870, 7.138),
    "resnet101": (44_549_160, "7.801", 22.626, 6.454),
    "resnet152": (60_192_808, "11.514", 21.688, 5.954),
}
PAPER = {  # multiply-adds in G, as Table 1 and section 3.3 have them
    "resnet18:shortcut=A": "1.8", "resnet34:shortcut=A": "3.6", "resnet50": "3.8",
    "resnet101": "7.6", "resnet152": "11.3", "vgg16": "15.3", "vgg19": "19.6",
}  # fmt: skip
TEN_CROPS = {"ResNet-34 A": 7.76, "ResNet-50": 6.71, "ResNet-101": 6.05, "ResNet-152": 5.71}
COUNTED = ["network", "layout", "depth", "parameters", "multiply_adds", "image_size"]


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Count every layout, and look at ImageNet where it is."""
    names = [*asked.counted, *(name for name in asked.paper if name not in asked.counted)]
    sizes = size_table([Architecture.parse(name) for name in names])[COUNTED]
    about = {**versions(), "setting": ["224x224 pixels", "convolutions and linear layers"]}
    return {"sizes": Result("sizes", sizes, about), "errors": errors(asked)}


def errors(asked: argparse.Namespace) -> Result:
    """Count what torchvision's networks get wrong of ImageNet's validation images, in one crop.

    Without these images, each has seen none.
    """
    columns = ["network", "n", "top1_wrong", "top5_wrong"]
    rows: list[list[Any]] = [[name, 0, 0, 0] for name in asked.counted if asked.imagenet is None]
    if asked.imagenet is not None:
        device = pick_device(asked.device)
        images = load_data(f"imagenet:{asked.imagenet}", split="test").to(device)
        data = Batches(images, images.normalisation, batch_size=64)
        for name in asked.counted:
            model = build_model(f"torchvision:{name}:weights=IMAGENET1K_V1").to(device).eval()
            rows.append([name, data.n, *wrong(model, data)])
    return Result("torchvision-errors", pd.DataFrame(rows, columns=columns), versions())


@torch.inference_mode()
def wrong(model: torch.nn.Module, data: Batches) -> tuple[int, int]:
    """Return how many images have another label than the first guess, and than the first five."""
    missed = torch.zeros(2, dtype=torch.int64)
    for x, y in data:
        guesses = model(x).topk(5).indices
        right = guesses == y[:, None]
        missed += torch.stack([(~right[:, 0]).sum(), (~right.any(1)).sum()]).cpu()
    return int(missed[0]), int(missed[1])


def claims(results: Mapping[str, Result]) -> Iterable[Claim]:
    """Compare counts digit by digit, and errors where they were measured."""
    frame = results["sizes"].frame.set_index(["network", "layout"])
    yield _all_of_them(frame)
    for name, (parameters, cost, *_) in PRINTED.items():
        if (name, "v1.5") in frame.index or (name, "") in frame.index:
            row = _row(frame, name, "v1.5")
            yield _exact(name, int(row["parameters"]), parameters)
            yield _cost(name, row["multiply_adds"], cost, TORCHVISION, "torchvision's layout")
    for name, cost in PAPER.items():
        row = _row(frame, name, "paper")
        if row is not None:
            layout = "" if name.startswith("vgg") else "the paper's layout"
            yield _cost(name, row["multiply_adds"], cost, f"{HE}, section 3.3, Table 1", layout)
    yield from _errors(results["errors"].frame.set_index("network"))


def _row(frame: pd.DataFrame, name: str, layout: str) -> pd.Series | None:
    """Return a network's row; of basic blocks there is one layout."""
    for key in ((name, layout), (name, "")):
        if key in frame.index:
            return frame.loc[key]
    for found in frame.index:
        if found[0] == name:
            return frame.loc[found]
    return None


def _all_of_them(frame: pd.DataFrame) -> Claim:
    rows = {name: _row(frame, name, "v1.5") for name in PRINTED}
    there = {name: row for name, row in rows.items() if row is not None}
    agree = [
        row["parameters"] == PRINTED[name][0] and agrees(row["multiply_adds"], PRINTED[name][1])
        for name, row in there.items()
    ]
    return Claim(
        claim="ResNet-18 to 152 whose parameters and multiply-adds are the printed ones",
        source=TORCHVISION,
        published="11.690/21.798/25.557/44.549/60.193 M, 1.814/3.664/4.089/7.801/11.514 G: all",
        measured=sum(agree) / len(agree),
        n=len(agree),
        of="networks",
        setting="torchvision's layout (v1.5: stride in the 3x3)",
        percent=True,
        verdict=_said(all(agree)),
    )


def agrees(count: float, published: str) -> bool:
    """Tell whether a count is the published number of thousand millions, to its digits."""
    return f"{count / 1e9:.{len(published.partition('.')[2])}f}" == published


def _said(true: bool) -> Verdict:
    return Verdict.REPRODUCED if true else Verdict.NOT_REPRODUCED


def _exact(name: str, parameters: int, printed: int) -> Claim:
    return Claim(
        claim=f"millions of parameters of {name}",
        source=TORCHVISION,
        published=f"{printed / 1e6:.3f} ({printed:,})",
        measured=parameters / 1e6,
        n=1,
        of="network",
        setting=f"exact count, {parameters:,}; projections where shapes change (B)",
        verdict=_said(parameters == printed),
    )


def _cost(name: str, counted: float, published: str, source: str, layout: str) -> Claim:
    return Claim(
        claim=", ".join(part for part in (f"G multiply-adds of {name}", layout) if part),
        source=source,
        published=published,
        measured=counted / 1e9,
        n=1,
        of="network",
        setting=f"exact count, {int(counted):,}; one image of 224x224; "
        "convolutions and linear layers",
        verdict=_said(agrees(counted, published)),
    )


def _errors(frame: pd.DataFrame) -> Iterable[Claim]:
    wants = "wants ImageNet's validation images (the command above)"
    for name, (*_, top1, top5) in PRINTED.items():
        for top, printed in ((1, top1), (5, top5)):
            shared: dict[str, Any] = {
                "claim": f"top-{top} error of {name}, one crop", "source": TORCHVISION,
                "published": f"{printed} %", "percent": True,
            }  # fmt: skip
            if name not in frame.index or not frame.loc[name, "n"]:
                yield Claim(**shared, setting=wants, verdict=Verdict.NOT_TESTABLE)
                continue
            row = frame.loc[name]
            missed, n = int(row[f"top{top}_wrong"]), int(row["n"])
            low, high = wilson(missed, n)
            yield Claim(
                **shared, measured=missed / n, low=low, high=high, n=n, of="images",
                setting="ImageNet validation, short side 256, centre 224",
                verdict=near(missed / n, printed / 100, low=low, high=high),
            )  # fmt: skip
    for name, printed in TEN_CROPS.items():
        yield Claim(
            claim=f"top-5 error of {name}, ten crops (not to be listed beside those of one)",
            source=f"{HE}, Table 3",
            published=f"{printed} %",
            setting="wants the authors' weights, ten crops and ImageNet's validation images",
            percent=True,
            verdict=Verdict.NOT_TESTABLE,
        )


def draw(results: Mapping[str, Result]) -> dict[str, Figure]:
    """Draw the multiply-adds of both layouts beside what is printed."""
    result = results["sizes"]
    with sheet(result, width=5.6, height=3.2) as (made, (ax,)):
        frame = result.frame[result.frame["network"].isin(list(PRINTED))]
        for place, (label, layouts) in enumerate(
            {"torchvision's layout (v1.5)": ("v1.5", ""), "the paper's layout": ("paper",)}.items()
        ):
            rows = frame[frame["layout"].isin(layouts)]
            dots(ax, place, rows["parameters"] / 1e6, rows["multiply_adds"] / 1e9, label=label,
                 linestyle="")  # fmt: skip
            for row in rows.itertuples() if place == 0 else ():
                left = row.network == "resnet34"  # its neighbour is too near
                ax.annotate(row.network, (row.parameters / 1e6, row.multiply_adds / 1e9),
                            xytext=(-9, 6) if left else (9, -9), textcoords="offset points",
                            ha="right" if left else "left")  # fmt: skip
        shown = [PRINTED[name] for name in PRINTED if name in set(frame["network"])]
        ax.plot([p / 1e6 for p, *_ in shown], [float(cost) for _, cost, *_ in shown], "+",
                color="#262626", markersize=9, label="torchvision prints")  # fmt: skip
        ax.set(xlabel="Parameters (millions)", ylabel="Multiply-adds of one image (G)",
               xlim=(0, 72), ylim=(0, 13))  # fmt: skip
    return {"sizes": made}


def options(parser: argparse.ArgumentParser) -> None:
    """Add the script's own options."""
    parser.add_argument("--imagenet", type=Path, metavar="FOLDER",
                        help="has val/ of class folders; weights are fetched")  # fmt: skip
    parser.set_defaults(counted=tuple(PRINTED), paper=tuple(PAPER))


ANALYSIS = Analysis(
    file=__file__,
    kinds=("sizes", "errors"),
    measure=measure,
    claims=claims,
    captions={
        "sizes": "Parameters and multiply-adds of ResNet-18 to 152 in both layouts, beside what "
        "torchvision prints."
    },
    draw=draw,
    options=options,
    smoke={"counted": ("resnet18", "resnet50"), "paper": ("resnet18:shortcut=A",),
           "imagenet": None},
)  # fmt: skip

if __name__ == "__main__":
    ANALYSIS.run()
