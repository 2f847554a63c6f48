"""Scaled shortcuts kill the direct path: after 54 units, 0.5^54 of the gradient is left on it.

Number    19
Question  With shortcuts times lambda, is the gradient that comes by shortcuts alone the product of
          the factors? Does ResNet-110 fail with 0.5, or get 12.35 % with 0.5 on the branch too?
Command   python analyses/scaled_shortcuts.py
Full      resprobe train --arch resnet110 --data cifar10 --device cuda --out resnet110.pt
          resprobe train --arch resnet110:shortcut=scaled:scale=0.5 --data cifar10 --device cuda --out resnet110-half.pt
          resprobe train --arch resnet110:shortcut=scaled:scale=0.5:branch_scale=0.5 --data cifar10 --device cuda --out resnet110-halves.pt
          python analyses/scaled_shortcuts.py --ckpt resnet110.pt --ckpt resnet110-half.pt --ckpt resnet110-halves.pt
Cost      About two minutes on one core of a server CPU; trained networks, some hours of a GPU each.
Source    He et al. 2016, sections 3.1 and 3.2, eq. 8, Table 1.
Setting   Gradients: pre-activation ResNet-110 of width 8 (published: 16) with random weights on the
          embedded images, and 54 fully connected units of width 200. Errors want CIFAR-10 itself.
"""  # noqa: E501

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import pandas as pd
from kit.analysis import Analysis
from kit.claims import Claim, Verdict, near, signed
from kit.draws import add_draws, near_draws, of_draws, tabled
from kit.fresh import fresh_gradflow, through_identities
from kit.fully_connected import Design, FullyConnected, noise
from kit.panels import dots, law, sheet
from kit.subjects import Network, once
from matplotlib.figure import Figure

from resprobe import gradflow
from resprobe.figures import figure
from resprobe.probes.signals.gradient_laws import scaled_shortcut
from resprobe.results import Result, combined, versions
from resprobe.statistics import wilson

HE = "He et al. 2016"
FACTORS = (0.5, 0.9, 1.0)
ROUNDING = 1e-4
"""Left to a product of as many float32 numbers."""
ERRORS = {  # of resnet110, by the factors of shortcut and branch; "fail" is an error above 20 %
    (0.5, 0.5): ("12.35 % (median of 5), within 0.5 points", 0.1235),
    (0.5, 1.0): ("fails: above 20 %", None),
    (1.0, 1.0): ("6.61 % (median of 5), within 0.5 points", 0.0661),
}


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Measure gradients at initialisation, and errors of the trained networks that are given."""
    scaled = [
        once(asked.parts / f"{asked.convolutional}-{factor:g}", partial(
            fresh_gradflow,
            f"{asked.convolutional}:width=8:shortcut=scaled:scale={factor:g}",
            images=asked.images,
        ))
        for factor in FACTORS
    ]  # fmt: skip
    return {
        "scaled": combined(scaled),
        "direct": once(asked.parts / "direct", partial(direct, asked)),
        "errors": errors(asked.found),
    }


def direct(asked: argparse.Namespace) -> Result:
    """Measure what is left on the shortcuts of fully connected units, draw by draw."""
    data, rows = noise(asked.units, asked.inputs), []
    for factor in FACTORS:
        for seed in range(asked.draws):
            network = FullyConnected(
                asked.units, asked.depth, seed=seed, design=Design(shortcut=factor)
            )
            flow = gradflow(network.chain(data), data, batch_norm="batch").blocks.frame
            rows += [
                {"factor": factor, "draw": seed, "units": asked.depth - block,
                 "identity_gain": gain}
                for block, gain in zip(flow["block"], flow["identity_gain"], strict=True)
            ]  # fmt: skip
    setting = [f"fully connected, width {asked.units}, BN"]
    return tabled("scaled-direct", rows, data, setting=setting)


def errors(networks: Iterable[Network]) -> Result:
    """Count the test images that each network gets wrong, with its shortcuts' factors.

    Factors that were published and that no network has are there with no images.
    """
    columns = ["network", "architecture", "scale", "branch_scale", "data", "n", "wrong"]
    rows = []
    for network in networks:
        subject = network.read()
        wrong = sum(int((subject.chain(x).argmax(1) != y).sum()) for x, y in subject.data)
        built = subject.architecture
        factors = (built.scale, built.branch_scale) if built.scale is not None else (1.0, 1.0)
        about = f"{subject.data.data.name}, width {built.width}"
        rows.append([network.name, built.spec, *factors, about, subject.data.n, wrong])
    there = {(row[2], row[3]) for row in rows}
    rows += [["none", "none", *factors, "none", 0, 0] for factors in ERRORS if factors not in there]
    return Result("scaled-errors", pd.DataFrame(rows, columns=columns), versions())


def claims(results: Mapping[str, Result]) -> Iterable[Claim]:
    """Hold gradients against the product of the factors, and errors against those published.

    The first is that of the convolutional network and all its units.
    """
    yield from _convolutional(results["scaled"])
    yield from _direct(results["direct"])
    yield from _errors(results["errors"].frame)


def _convolutional(result: Result) -> Iterable[Claim]:
    for network, rows in result.frame.groupby("network", sort=False):
        factor, units = float(str(network).rpartition("scale=")[2]), len(rows)
        shared: dict[str, Any] = {"n": rows["n"].iloc[0], "of": "images"}
        whole = float(rows.sort_values("block")["identity_gain"].iloc[0])
        law_of_all = scaled_shortcut(factor, units)
        if factor != 1:
            yield Claim(
                claim=f"shortcuts times {factor:g}: gradient left on them after all {units} units",
                source=f"{HE}, section 3.1",
                published=f"{law_of_all:.2g} (product of the factors), within 0.01 %",
                measured=whole,
                **shared,
                setting=f"{network}; embedded images; two transitions pad",
                verdict=near(whole, law_of_all, tolerance=ROUNDING, away_from=1.0),
            )
        through, kept = through_identities(rows)
        yield Claim(
            claim=f"shortcuts times {factor:g}: the same through the {kept} units that keep the "
            "shape",
            source=f"{HE}, eq. 8",
            published=f"{scaled_shortcut(factor, kept):.2g} (product of the factors), within "
            "0.01 %",
            measured=through,
            **shared,
            setting=f"{network}; embedded images",
            verdict=near(through, scaled_shortcut(factor, kept), tolerance=ROUNDING),
        )


def _direct(result: Result) -> Iterable[Claim]:
    frame = result.frame
    units = int(frame["units"].max())
    for factor, rows in frame[frame["units"] == units].groupby("factor"):
        found, published = of_draws(rows["identity_gain"].tolist()), scaled_shortcut(factor, units)
        yield Claim(
            claim=f"shortcuts times {factor:g}: gradient left on them after {units} fully "
            "connected units",
            source=f"{HE}, eq. 8",
            published=f"{published:.2g}, within 0.001 %",
            **found,
            setting=result.meta["setting"][0],
            verdict=near_draws(found, published, tolerance=1e-5),  # float32
        )


def _errors(frame: pd.DataFrame) -> Iterable[Claim]:
    for (scale, branch), (published, error) in ERRORS.items():
        shared: dict[str, Any] = {
            "claim": f"test error of ResNet-110, shortcuts times {scale:g}, branches times "
            f"{branch:g}",
            "source": f"{HE}, Table 1",
            "published": published,
            "percent": True,
        }
        here = (frame["scale"] == scale) & (frame["branch_scale"] == branch)
        rows = frame[here & (frame["n"] > 0)]
        if rows.empty:
            yield Claim(
                **shared,
                setting="wants CIFAR-10 itself and full training on a GPU",
                verdict=Verdict.NOT_TESTABLE,
            )
        for row in rows.itertuples():
            low, high = wilson(int(row.wrong), int(row.n))
            measured = row.wrong / row.n
            yield Claim(
                **shared,
                measured=measured,
                low=low,
                high=high,
                n=row.n,
                of="images",
                setting=f"{row.network} ({row.architecture}); {row.data}",
                verdict=_judged(measured, low, high, error),
            )


def _judged(measured: float, low: float, high: float, error: float | None) -> Verdict:
    """Judge an error: half a point is left to the spread of one run around a median of five."""
    if error is not None:
        return near(measured, error, low=low, high=high, tolerance=0.005 / error)
    return signed(measured - 0.2, low - 0.2, high - 0.2, 1)


def draw(results: Mapping[str, Result]) -> dict[str, Figure]:
    """Draw the gradients of the convolutional network, and those on shortcuts alone."""
    return {"scaled": figure(results["scaled"]), "direct": _direct_figure(results["direct"])}


def _direct_figure(result: Result) -> Figure:
    mean = result.frame.groupby(["factor", "units"])["identity_gain"].mean()
    with sheet(result, width=4.6, height=3.4) as (made, (ax,)):
        for place, factor in enumerate(FACTORS):
            rows = mean[factor]
            law(ax, rows.index, [factor**n for n in rows.index])
            dots(ax, place, rows.index, rows, label=f"shortcuts times {factor:g}", linestyle="",
                 markevery=3)  # fmt: skip
        ax.set(yscale="log", xlabel="Units to the output", ylabel="Gradient left on the shortcuts\n"
               "(dashed: product of the factors)")  # fmt: skip
    return made


def options(parser: argparse.ArgumentParser) -> None:
    """Add the script's own options."""
    add_draws(parser)
    parser.set_defaults(convolutional="preresnet110", images=256, units=200, inputs=64, depth=54)


ANALYSIS = Analysis(
    file=__file__,
    kinds=("scaled", "direct", "errors"),
    measure=measure,
    claims=claims,
    captions={
        "scaled": "Gradient along a pre-activation ResNet-110 of width 8 with random weights and "
        "shortcuts times 0.5, 0.9 and 1, its two parts, and what shortcuts alone carry.",
        "direct": "What is left of the gradient on the shortcuts of fully connected units; "
        "every third is drawn.",
    },
    draw=draw,
    options=options,
    any_networks=True,
    smoke={"convolutional": "preresnet14", "draws": 2, "images": 20, "units": 16, "inputs": 16,
           "depth": 3},
)  # fmt: skip

if __name__ == "__main__":
    ANALYSIS.run()
