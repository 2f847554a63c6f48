"""BatchNorm makes branches small at initialisation: block l adds about 1/l of the variance.

Number    9
Question  With BN in the branch, does the mean square of the stream grow as 1 + l, so that block l
          adds about 1/l of what is there? Without normalisation, does it double at every block?
Command   python analyses/branch_variance.py
Cost      About five minutes on one core of a server CPU.
Source    De and Smith 2020, section 2. That the share is c/(1 + c l) with c = 1 - 1/pi, where the
          variance over a batch is measured, is derived in resprobe.probes.signals.laws.
Setting   The fully connected networks of the theory, 64 blocks of width 512, Gaussian inputs.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
from kit.analysis import Analysis
from kit.claims import Claim, near
from kit.draws import add_draws, near_draws
from kit.fully_connected import BARE, DESIGNS, RESIDUAL, FullyConnected, noise
from kit.subjects import once
from scipy.stats import t

from resprobe import initialisation
from resprobe.probes.signals.laws import normalised_second_moment, normalised_share
from resprobe.results import Result, combined

DE = "De and Smith 2020, section 2"


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Follow variances and gradients through wide networks with and without BN."""
    data = noise(asked.width, asked.batch)

    def along(name: str) -> Result:
        return initialisation(
            lambda seed: FullyConnected(
                asked.width, asked.depth, seed=seed, design=DESIGNS[name]
            ).chain(data),
            data, draws=asked.draws, network=name,
        )  # fmt: skip

    def both() -> Result:
        found = combined([along(name) for name in (RESIDUAL, BARE)])
        found.meta["setting"].append(f"fully connected, width {asked.width}")
        return found

    return {"depth": once(asked.parts / "depth", both)}


def claims(results: Mapping[str, Result]) -> Iterable[Claim]:
    """Hold shares and mean squares against their laws, 5 % left to finite width and batch."""
    result = results["depth"]
    frame, width = result.frame, int(result.meta["data"]["shape"][-1])
    setting = f"fully connected, width {width}, {int(frame['n'].iloc[0])} Gaussian inputs"
    last = int(frame["block"].max())
    for block in (last, 3, 0):
        found, law = _at(frame, RESIDUAL, block, "branch_share"), normalised_share(block)
        yield Claim(
            claim=f"with BN, Var(branch)/Var(shortcut) of block {block} is c/(1 + {block} c), "
            "about 1/l",
            source=f"{DE}; c = 1 - 1/pi derived",
            published=f"{law:.3g}, within 5 %",
            **found,
            setting=setting,
            verdict=near_draws(found, law, tolerance=0.05),
        )
    for block in (last, last // 4):
        found, law = _at(frame, RESIDUAL, block, "second_moment"), normalised_second_moment(block)
        yield Claim(
            claim=f"with BN, the stream's mean square before block {block} is 1 + {block}",
            source=DE,
            published=f"{law:g}, within 5 %",
            **found,
            setting=setting,
            verdict=near_draws(found, law, tolerance=0.05, away_from=2.0**block),
        )
    yield from _without(frame, last, setting)


def _without(frame: pd.DataFrame, last: int, setting: str) -> Iterable[Claim]:
    first, end = (_at(frame, BARE, block, "second_moment") for block in (0, last))

    def per_block(value: float) -> float:
        return math.log2(value / first["measured"]) / last if value > 0 else math.nan

    doubling, low, high = (per_block(end[name]) for name in ("measured", "low", "high"))
    yield Claim(
        claim="without normalisation the mean square doubles: log2 of its factor per block",
        source=DE,
        published="1, within 2 %",
        measured=doubling,
        low=low,
        high=high,
        n=end["n"],
        of="draws",
        setting=setting,
        verdict=near(doubling, 1, low=low, high=high, tolerance=0.02, away_from=0),
    )
    share = _at(frame, BARE, last, "branch_share")
    yield Claim(
        claim=f"without normalisation the share stays of order 1: that of block {last}",
        source=DE,
        published="of order 1: 1, within 50 %",
        **share,
        setting=setting,
        verdict=near_draws(share, 1, tolerance=0.5, away_from=normalised_share(last)),
    )


def _at(frame: pd.DataFrame, network: str, block: int, column: str) -> dict[str, Any]:
    """Return a number of a block with its 95 % t interval over draws."""
    row = frame[(frame["network"] == network) & (frame["block"] == block)].iloc[0]
    draws, value = int(row["draws"]), float(row[column])
    half = float(t.ppf(0.975, draws - 1)) * row[f"{column}_se"] if draws > 1 else math.nan
    return {"measured": value, "low": value - half, "high": value + half, "n": draws,
            "of": "draws"}  # fmt: skip


def options(parser: argparse.ArgumentParser) -> None:
    """Add the script's own options."""
    add_draws(parser)
    parser.set_defaults(width=512, batch=256, depth=64)


ANALYSIS = Analysis(
    file=__file__,
    kinds=("depth",),
    measure=measure,
    claims=claims,
    captions={
        "depth": "Variance, share of the branch and gradients along 64 random blocks with and "
        "without BatchNorm, beside the laws (dashed)."
    },
    options=options,
    smoke={"draws": 2, "width": 32, "batch": 16, "depth": 4},
)

if __name__ == "__main__":
    ANALYSIS.run()
