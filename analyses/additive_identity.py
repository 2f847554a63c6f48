"""A stage is exactly a sum of its branches, but only with pre-activation.

Number    18
Question  Is x_L = x_l + sum of F(x_i) to the rounding in a stage of a full pre-activation network,
          and not with a ReLU behind the sum? Does dL/dx_l have dL/dx_L in it unchanged?
Command   python analyses/additive_identity.py
Cost      About a minute on one core of a server CPU.
Source    He et al. 2016, "Identity Mappings in Deep Residual Networks", eqs. 4 and 5.
Setting   56 layers (published: 110) of width 8 (published: 16), random weights, 64 embedded images.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import pandas as pd
import torch
from kit.analysis import Analysis
from kit.claims import Claim, Verdict
from kit.draws import add_draws, embedded, near_draws, of_draws, over_draws, tabled
from kit.panels import dots, sheet
from kit.subjects import once
from matplotlib.figure import Figure

from resprobe import Architecture, Batches, Chain, gradflow, unravel
from resprobe.chain import left_as_found, pass_through
from resprobe.results import Result

HE = "He et al. 2016"
ROUNDING = 1e-13
"""Some dozens of roundings of float64, whose unit is 1.1e-16."""


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Follow sums forward and gradients back, draw by draw."""
    data = embedded(asked.images)
    found = [
        once(asked.parts / f"{kind}{asked.layers}-{seed}", partial(_along, kind, seed, data, asked))
        for kind in ("preresnet", "resnet")
        for seed in range(asked.draws)
    ]
    rows = pd.concat([one.frame for one in found]).to_dict("records")
    setting = [f"width {asked.width}", f"{asked.draws} draws of the weights"]
    return {"identity": tabled("additive-identity", rows, data, setting=setting)}


def _along(kind: str, seed: int, data: Batches, asked: argparse.Namespace) -> Result:
    name = f"{kind}{asked.layers}"
    built = Architecture(name, in_channels=1, width=asked.width)
    gaps = gaps_of(built.build(seed=seed).double(), data)
    flow = gradflow(unravel(built.build(seed=seed), data.example()), data, batch_norm="batch")
    frame = flow.blocks.frame
    rows = [
        {"network": name, "draw": seed, "block": block, "stage": stage, "gap": gap,
         "identity_gain": gain}
        for block, stage, gap, gain in zip(
            frame["block"], frame["stage"], gaps, frame["identity_gain"], strict=True
        )
    ]  # fmt: skip
    return tabled("additive-identity", rows, data)


def gaps_of(model: torch.nn.Module, data: Batches) -> list[float]:
    """Return for each block how far its output is from the sum since its stage's first block.

    max |x_{l+1} - x_f - sum of F(x_i), i = f..l| / max |x_{l+1}|, with f the stage's first block
    that keeps the shape; NaN for the blocks that do not.
    """
    x = torch.cat([x for x, _ in data]).double()
    return list(_gaps(unravel(model, x[:1]), x))


def _gaps(chain: Chain, x: torch.Tensor) -> Iterator[float]:
    seen: list[tuple[int, str, torch.Tensor, torch.Tensor, torch.Tensor]] = []

    def see(passed: Any) -> None:
        if passed.number is not None:
            step = passed.step
            seen.append((step.stage, step.kind, passed.start, passed.branch, passed.end))

    with left_as_found(chain, training=True), torch.no_grad():
        pass_through(chain, x, see)
    begun, first, branches = -1, x, x
    for stage, kind, start, branch, end in seen:
        if kind != "identity":
            yield float("nan")
            continue
        if stage != begun:
            begun, first, branches = stage, start, torch.zeros_like(start)
        branches = branches + branch  # apart from x, or the sums were the network's own
        yield float((end - (first + branches)).abs().max() / end.abs().max())


def claims(results: Mapping[str, Result]) -> Iterable[Claim]:
    """Ask for exactness before activation, and for a gap behind it."""
    result = results["identity"]
    pre, post = result.frame["network"].unique()
    setting = f"{result.meta['setting'][0]}, {result.meta['data']['n']} embedded images"
    for network, published in ((pre, "0"), (post, "above 0")):
        found = of_draws(_of(result.frame, network).groupby("draw")["gap"].max().tolist())
        exact = found["measured"] < ROUNDING
        yield Claim(
            claim=f"{network}: max |x_L - x_l - sum of F| over max |x_L| within a stage",
            source=f"{HE}, eq. 4",
            published=published,
            **found,
            setting=f"{setting}, float64",
            verdict=Verdict.REPRODUCED if exact == (published == "0") else Verdict.NOT_REPRODUCED,
        )
    for network, published in ((pre, "1"), (post, "below 1")):
        rows = _of(result.frame, network)
        last = rows[rows["stage"] == rows["stage"].max()]
        first = last[last["gap"].notna()].groupby("draw")["identity_gain"].first()
        found = of_draws(first.tolist())
        below = Verdict.REPRODUCED if found["high"] < 1 else Verdict.NOT_REPRODUCED
        yield Claim(
            claim=f"{network}: part of dL/dx_L that reaches the last stage by shortcuts alone",
            source=f"{HE}, eq. 5",
            published=published,
            **found,
            setting=f"{setting}, float32",
            verdict=near_draws(found, 1.0, tolerance=1e-6) if published == "1" else below,
        )


def _of(frame: pd.DataFrame, network: str) -> pd.DataFrame:
    return frame[frame["network"] == network]


def draw(results: Mapping[str, Result]) -> dict[str, Figure]:
    """Draw the gap and what is left on the shortcuts, block by block."""
    result = results["identity"]
    with sheet(result, 2, height=3.4, columns=1) as (made, axes):
        for ax, column in zip(axes, ("gap", "identity_gain"), strict=True):
            known = result.frame.dropna(subset=column)
            found = over_draws(known, ["network", "block"], column)
            for place, (network, rows) in enumerate(found.groupby("network", sort=False)):
                dots(ax, place, rows["block"], rows["mean"], label=str(network), linestyle="",
                     markersize=3)  # fmt: skip
            ax.set_xlabel("Block")
        axes[0].set(
            yscale="log",
            ylim=(1e-17, 10),
            ylabel="|output - sum since the stage began|\nover |output|, largest",
        )
        axes[1].set(
            ylim=(0, 1.05),
            ylabel="Gradient by shortcuts alone,\nover that at the last block's output",
        )
    return {"identity": made}


def options(parser: argparse.ArgumentParser) -> None:
    """Add the script's own options."""
    add_draws(parser)
    parser.set_defaults(layers=56, width=8, images=64)


ANALYSIS = Analysis(
    file=__file__,
    kinds=("identity",),
    measure=measure,
    claims=claims,
    captions={
        "identity": "Left, how far blocks are from the sum of branches that a stage is said to "
        "be (mean over draws, float64). Right, the gradient that shortcuts alone carry; it falls "
        "where a transition pads, and behind a ReLU."
    },
    draw=draw,
    options=options,
    smoke={"draws": 2, "layers": 14, "width": 4, "images": 8},
)

if __name__ == "__main__":
    ANALYSIS.run()
