"""What the networks say of each claim about initialisation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from claims import Claim, Verdict, near, signed
from initialisation_figures import best
from scipy.stats import t

from resprobe.probes.signals.gradient_laws import (
    gradient_growth,
    normalised_correlation,
    plain_correlation,
    residual_correlation,
)
from resprobe.probes.signals.laws import normalised_second_moment, normalised_share
from resprobe.results import Result
from resprobe.statistics import spread

__all__ = ["claims"]

DE, BALDUZZI = "De and Smith 2020, section 2", "Balduzzi et al. 2017"
RESIDUAL, BARE, PLAIN = "residual, BN", "residual, no BN", "plain, BN"


def claims(results: Mapping[str, Result]) -> Iterator[Claim]:
    """Judge every claim."""
    yield from _forward(results["depth"])
    yield from _growth(results["growth"].frame)
    yield from _shattering(results["shattering"].frame)
    yield from _grid(results["grid"].frame)
    yield from _direct(results["direct"])
    yield from _identities(results["identities"].frame)
    yield from _training(results["training"].frame)


def _of(values: list[float]) -> dict[str, float]:
    found = spread(values)
    return {"measured": found.mean, "low": found.low, "high": found.high, "n": found.n}


def _forward(result: Result) -> Iterator[Claim]:
    frame = result.frame
    width, n = int(result.meta["data"]["shape"][-1]), int(frame["n"].iloc[0])
    setting = f"fully connected, width {width}, batch {n}"
    last = int(frame["block"].max())

    def at(network: str, block: int, column: str) -> dict[str, float]:
        row = frame[(frame["network"] == network) & (frame["block"] == block)].iloc[0]
        draws = int(row["draws"])
        half = float(t.ppf(0.975, draws - 1)) * row[f"{column}_se"] if draws > 1 else math.nan
        value = float(row[column])
        return {"measured": value, "low": value - half, "high": value + half, "n": draws}

    for block in (last // 4, last):
        found, law = at(RESIDUAL, block, "second_moment"), normalised_second_moment(block)
        yield Claim(
            claim=f"with BN the stream's mean square before block {block} is 1 + {block}",
            source=DE, published=f"{law:g}", **found, of="draws", setting=setting,
            verdict=_near(found, law, tolerance=0.05, away_from=2.0**block),
        )  # fmt: skip
    for block in (0, 3, last):
        found, law = at(RESIDUAL, block, "branch_share"), normalised_share(block)
        yield Claim(
            claim=f"with BN Var(branch)/Var(shortcut) of block {block} is c/(1 + {block} c), about "
            "1/l", source=f"{DE}; c = 1 - 1/pi derived", published=f"{law:.3g}", **found,
            of="draws", setting=setting, verdict=_near(found, law, tolerance=0.05),
        )  # fmt: skip
    first, end = (at(BARE, block, "second_moment") for block in (0, last))
    doubling = math.log2(end["measured"] / first["measured"]) / last
    ends = [math.log2(end[e] / first["measured"]) / last if end[e] > 0 else math.nan
            for e in ("low", "high")]  # fmt: skip
    yield Claim(
        claim="without normalisation the mean square doubles: log2 of its factor per block",
        source=DE, published="1", measured=doubling, low=ends[0], high=ends[1], n=end["n"],
        of="draws", setting=setting,
        verdict=near(doubling, 1, low=ends[0], high=ends[1], tolerance=0.02, away_from=0),
    )  # fmt: skip
    first, end = (at(BARE, block, "branch_share") for block in (0, last))
    yield Claim(
        claim=f"without normalisation the share stays of order 1: that of block {last}",
        source=DE, published="1 (0.68 to 1.08 in a replication)", **end, of="draws",
        setting=setting, verdict=_near(end, 1, tolerance=0.1, away_from=normalised_share(last)),
    )  # fmt: skip


def _near(found: Mapping[str, float], published: float, **how: float) -> Verdict:
    return near(found["measured"], published, low=found["low"], high=found["high"], **how)


def _growth(frame: pd.DataFrame) -> Iterator[Claim]:
    layers = int(frame["depth"].iloc[0])
    setting = f"fully connected, {layers} layers, width 512, batch 256; loss: cross entropy"
    draws = {name: rows.set_index("draw")["factor"] for name, rows in frame.groupby("network")}
    found, law = _of((draws[PLAIN] - 1).tolist()), gradient_growth() - 1
    yield Claim(
        claim="in plain networks with BN the gradient grows by sqrt(pi/(pi - 1)) - 1 per layer",
        source="Yang et al. 2019", published=f"{100 * law:.1f} % (20.4 to 22.0 % in a "
        "replication)", **found, of="draws", setting=setting, percent=True,
        verdict=_near(found, law, tolerance=0.05, away_from=0),
    )  # fmt: skip
    found = _of((draws[RESIDUAL] - draws[PLAIN]).tolist())
    yield Claim(
        claim="in residual ones it grows less: difference of the factors", source="Yang et al. "
        "2019", published="below 0", **found, of="draws", setting=setting,
        percent=True, verdict=signed(found["measured"], found["low"], found["high"], -1),
    )  # fmt: skip


def _shattering(frame: pd.DataFrame) -> Iterator[Claim]:
    setting = "fully connected, width 200, 64 Gaussian inputs"
    laws = {
        PLAIN: ("1/2^L", plain_correlation, (1, 2, 4, 8), "theorem 1"),
        BARE: ("(3/4)^L", residual_correlation, (1, 2, 8), "theorem 2"),
        RESIDUAL: ("the product of block factors", normalised_correlation, (1, 8, 32), "derived "
                   "from theorem 3"),
    }  # fmt: skip
    for network, (name, law, depths, where) in laws.items():
        for depth in depths:
            rows = frame[(frame["network"] == network) & (frame["depth"] == depth)]
            if rows.empty:
                continue
            found = _of(rows["correlation"].tolist())
            yield Claim(
                claim=f"{network}: gradients of two inputs correlate as {name}, L = {depth}",
                source=f"{BALDUZZI}, {where}", published=f"{law(depth):.3g}", **found, of="draws",
                setting=setting, verdict=_near(found, law(depth), tolerance=0.05, away_from=1),
            )  # fmt: skip
    residual = frame[frame["network"] == RESIDUAL].pivot(
        index="draw", columns="depth", values="correlation"
    )
    if not {8, 32} <= set(residual.columns):
        return
    found = _of(np.log(residual[32] / residual[8]).div(math.log(4)).tolist())
    yield Claim(
        claim=f"{RESIDUAL}: the correlation falls as 1/sqrt(L): exponent from L = 8 to 32",
        source=f"{BALDUZZI}, theorem 3", published="-0.5 (-0.62 in a replication)", **found,
        of="draws", setting=setting, verdict=_near(found, -0.5, tolerance=0.1, away_from=0),
    )  # fmt: skip


def _grid(frame: pd.DataFrame) -> Iterator[Claim]:
    setting = "scalar to scalar, width 200, 256 points in [-2, 2], biases in the first layer"
    for network, depth, published, words in (
        (PLAIN, 1, 0.99, "one layer looks like Brownian motion"),
        (PLAIN, 24, 0.0, "24 plain layers look like white noise"),
        (RESIDUAL, 50, 0.70, "50 residual ones lie in between"),
    ):
        rows = frame[(frame["network"] == network) & (frame["depth"] == depth)]
        if rows.empty:
            continue
        found = _of(rows.loc[rows["lag"] == 1, "autocorrelation"].tolist())
        inside = abs(found["measured"] - published) <= 0.1
        yield Claim(
            claim=f"{words}: autocorrelation of df/dx at lag 1", source=f"{BALDUZZI}, Fig. 1",
            published=f"{published:g} in a replication, within 0.1", **found, of="draws",
            setting=setting,
            verdict=Verdict.REPRODUCED if inside else _near(
                found, published, **({"away_from": 0.0} if published else {})
            ),
        )  # fmt: skip


def _direct(result: Result) -> Iterator[Claim]:
    frame, images = result.frame, int(result.meta["data"]["n"])
    before, after = frame["network"].unique()[:2]
    setting = f"width 8, {images} images, float64"
    for network, published in ((before, "0"), (after, "above 0")):
        rows = frame[(frame["network"] == network) & (frame["quantity"] == "gap")]
        found = _of(rows["value"].tolist())
        exact = found["measured"] < 1e-13  # some roundings of float64
        yield Claim(
            claim=f"{network}: max |x_L - x_l - sum of F| over max |x_L| within a stage",
            source="He et al. 2016, eq. 4", published=published, **found, of="draws",
            setting=setting,
            verdict=Verdict.REPRODUCED if exact == (published == "0") else Verdict.NOT_REPRODUCED,
        )  # fmt: skip
    for network, published in ((before, 1.0), (after, None)):
        rows = frame[(frame["network"] == network) & (frame["quantity"] == "gain")]
        found = _of(rows["value"].tolist())
        below = Verdict.REPRODUCED if found["high"] < 1 else Verdict.NOT_REPRODUCED
        yield Claim(
            claim=f"{network}: part of dL/dx_L that reaches the last stage by shortcuts alone",
            source="He et al. 2016, eq. 5", published="1" if published else "below 1", **found,
            of="draws", setting=setting.replace("float64", "float32"),
            verdict=_near(found, 1.0, tolerance=1e-6) if published else below,
        )  # fmt: skip
    blocks = int(result.meta["blocks"])
    for factor in (0.5, 0.9, 1.0):
        rows = frame[frame["network"] == f"shortcut times {factor}"]
        found, law = _of(rows["value"].tolist()), factor**blocks
        yield Claim(
            claim=f"shortcuts times {factor}: gradient that is left on them after {blocks} units",
            source="He et al. 2016, eq. 8", published=f"{law:.2g}", **found, of="draws",
            setting="fully connected, width 200, BN", verdict=_near(found, law, tolerance=1e-5),
        )  # fmt: skip


def _identities(frame: pd.DataFrame) -> Iterator[Claim]:
    sources = {
        "zero-bn": "Goyal et al. 2017, section 5.1",
        "skipinit": "De and Smith 2020, section 4",
        "fixup": "Zhang et al. 2019, section 3",
    }
    for init, source in sources.items():
        rows = frame[frame["network"].str.endswith(f", {init}")]
        largest = float(rows["branch_max"].max())
        yield Claim(
            claim=f"{init}: blocks begin as their shortcuts: max |block(x) - after(s(x))|",
            source=source, published="0", measured=largest, n=len(rows), of="blocks",
            setting=f"{str(rows['network'].iloc[0]).split(',')[0]}, width 4",
            verdict=Verdict.REPRODUCED if largest == 0 else Verdict.NOT_REPRODUCED,
        )  # fmt: skip


def _training(frame: pd.DataFrame) -> Iterator[Claim]:
    depth, steps = int(frame["depth"].iloc[0]), int(frame["step"].max())
    setting = (
        f"fully connected, {depth} blocks of width 64, embedded Fashion-MNIST, {steps} steps of "
        f"64 images, best of {frame['rate'].nunique()} rates"
    )
    wanted = {
        "residual, no BN": ("fails", "De and Smith 2020, Table 1 (alpha = 1, WRN-100: 48 blocks)"),
        "(x + F) / sqrt 2": ("trains, if worse (WRN-100)", "De and Smith 2020, Table 1"),
        "SkipInit": ("trains", "De and Smith 2020, Table 1"),
        "Fixup": ("trains", "Zhang et al. 2019"),
        "residual, BN": ("trains", "De and Smith 2020, Table 1"),
        "plain, BN": ("fails", "Yang et al. 2019"),
    }
    chosen = best(frame)
    last = chosen[chosen["step"] == steps]
    for network, (published, source) in wanted.items():
        losses = last.loc[last["network"] == network, "loss"] / math.log(10)
        found = _of(losses.clip(upper=1e6).tolist())
        learns = found["measured"] < 0.75
        agrees = learns == published.startswith("trains")
        yield Claim(
            claim=f"{network}: training loss at the end over ln 10 (a million where it is not "
            "finite); learns below 0.75",
            source=source, published=published, **found, of="draws", setting=setting,
            verdict=Verdict.REPRODUCED if agrees else Verdict.NOT_REPRODUCED,
        )  # fmt: skip
