"""What the sizes of branches, responses and gradients say beside what was published."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from claims import Claim, near, signed
from matplotlib.figure import Figure
from scipy.stats import t as student

from resprobe.figures import figure
from resprobe.results import Result
from resprobe.statistics import spread

__all__ = ["claims", "draw", "slope_within", "welch"]

EXPLODING = math.sqrt(math.pi / (math.pi - 1))
Results = Mapping[str, Result]


@dataclass(frozen=True)
class Network:
    """A trained network's name, and what it shares with others of its kind."""

    name: str
    plain: bool
    data: str
    depth: int
    pre_activation: bool


def claims(results: Results) -> Iterator[Claim]:
    """Yield the claims of the theme, in the order of their sources."""
    networks = _networks(results["responses"])
    yield from _responses(results["responses"].frame, networks)
    yield from _identity(results["stored"].frame, networks)
    yield from _within_stages(results["magnitude"].frame, networks)
    yield from _cut_off(results["magnitude"].frame, networks)
    yield from _growth(results)
    yield from _scaled(results["scaled"])


def draw(results: Results) -> dict[str, Figure]:
    """Draw responses and sizes of the networks that saw the same images, and the gradients.

    Of networks that differ in their seed the first is drawn; responses as in He et al. 2015, of
    networks with an activation behind the sum.
    """
    groups: dict[str, dict[tuple[bool, int, bool], str]] = defaultdict(dict)
    for network in _networks(results["responses"]):
        kind = (network.plain, network.depth, network.pre_activation)
        groups[network.data].setdefault(kind, network.name)
    drawn = {kind: figure(results[kind]) for kind in ("initial", "scaled")}
    for number, names in enumerate(groups.values()):
        ending = f"-{number}" if len(groups) > 1 else ""
        as_published = [name for (*_, pre), name in names.items() if not pre]
        drawn[f"responses{ending}"] = figure(_only(results["responses"], as_published))
        drawn[f"magnitude{ending}"] = figure(_only(results["magnitude"], list(names.values())))
    return drawn


def _only(result: Result, names: list[str]) -> Result:
    frame = result.frame[result.frame["network"].isin(names)].reset_index(drop=True)
    entries = [entry for entry in result.meta["networks"] if entry["network"] in names]
    data = next((entry["data"] for entry in entries if "data" in entry), result.meta.get("data"))
    return Result(result.name, frame, {**result.meta, "networks": entries, "data": data})


def _networks(result: Result) -> list[Network]:
    found = []
    for entry in result.meta["networks"]:
        rows = result.frame[result.frame["network"] == entry["network"]]
        data = entry.get("data", result.meta.get("data", {}))
        ranked = rows.dropna(subset="rank")
        last = ranked[ranked["place"] == "branch"].groupby("block").tail(1)
        found.append(
            Network(
                name=entry["network"],
                plain=bool(entry["plain"]),
                data=f"{data.get('data_set')}, {data.get('split')}",
                depth=len(ranked) + 1,
                pre_activation=bool(len(last)) and bool((last["norm"] == "").all()),
            )
        )
    return found


def _responses(frame: pd.DataFrame, networks: list[Network]) -> Iterator[Claim]:
    """Compare plain with residual layer by layer, and residual networks by depth."""
    groups: dict[tuple[str, bool], dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for network in networks:
        if not network.pre_activation:
            groups[network.data, network.plain][network.depth].append(network.name)
    settings = dict.fromkeys(network.data for network in networks)
    for setting in settings:
        residual, plain = groups[setting, False], groups[setting, True]
        for depth in sorted(set(residual) & set(plain)):
            one, other = (_mean_responses(frame, names[depth]) for names in (residual, plain))
            found = spread((one - other).tolist())
            yield Claim(
                claim=f"layer responses of residual less plain, {depth} layers: mean difference "
                "of corresponding layers",
                source="He et al. 2015, Fig. 7", published="below 0 (plain-20, 56)",
                measured=found.mean, low=found.low, high=found.high, n=found.n, of="layers",
                setting=f"{', '.join([*residual[depth], *plain[depth]])}; {setting}",
                verdict=signed(found.mean, found.low, found.high, -1),
            )  # fmt: skip
        depths = sorted(residual)
        for less, more in itertools.pairwise(depths):
            deeper, shallower = (_mean_responses(frame, residual[d]) for d in (more, less))
            mean, low, high = welch(deeper, shallower)
            yield Claim(
                claim=f"layer responses of residual networks, {more} less {less} layers: "
                "difference of the means",
                source="He et al. 2015, Fig. 7", published="below 0 (110 < 56 < 20)",
                measured=mean, low=low, high=high, n=len(deeper) + len(shallower), of="layers",
                setting=f"{', '.join([*residual[more], *residual[less]])}; {setting}",
                verdict=signed(mean, low, high, -1),
            )  # fmt: skip


def _mean_responses(frame: pd.DataFrame, names: list[str]) -> np.ndarray:
    """Return the response of every ranked layer, mean over the seeds."""
    rows = frame[frame["network"].isin(names)].dropna(subset="rank")
    table = rows.pivot_table(index="layer", columns="network", values="response_std")
    return table.mean(axis=1).to_numpy()


def welch(one: np.ndarray, other: np.ndarray) -> tuple[float, float, float]:
    """Return the difference of two means with its 95 % interval, the variances unequal.

    References
    ----------
    B. L. Welch, "The generalization of Student's problem", Biometrika 34 (1947).

    Examples
    --------
    >>> mean, low, high = welch(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0]))
    >>> round(mean, 3), low < mean < high
    (-2.0, True)
    """
    errors = np.array([values.var(ddof=1) / len(values) for values in (one, other)])
    difference = float(one.mean() - other.mean())
    degrees = errors.sum() ** 2 / (errors**2 / [len(one) - 1, len(other) - 1]).sum()
    half = float(student.ppf(0.975, degrees)) * math.sqrt(errors.sum())
    return difference, difference - half, difference + half


def _identity(frame: pd.DataFrame, networks: list[Network]) -> Iterator[Claim]:
    """Hold every layer's response against what its BatchNorm says, with the batch's statistics."""
    ratio = (frame["response_std"] / frame["from_batch_norm"]).dropna()
    if ratio.empty:
        return
    farthest = (ratio - 1).abs().idxmax()
    yield Claim(
        claim="response over sqrt(mean gamma^2 + var beta), batch statistics: the layer farthest "
        f"from 1 is off by {abs(ratio[farthest] - 1):.1g}",
        source="follows from Ioffe and Szegedy 2015", published="1, but for BatchNorm's eps",
        measured=ratio[farthest], n=len(ratio), of="layers",
        setting=f"all {len(networks)} networks; {frame['network'][farthest]}",
        # eps, 1e-5, beside variances of some hundredth
        verdict=near(ratio[farthest], 1.0, tolerance=1e-3),
    )  # fmt: skip


def _within_stages(frame: pd.DataFrame, networks: list[Network]) -> Iterator[Claim]:
    for network in networks:
        rows = frame[(frame["network"] == network.name) & (frame["kind"] == "identity")]
        if network.plain or len(rows) < 4:
            continue
        slope, low, high = slope_within(
            rows["stage"].to_numpy(), rows["block"].to_numpy(), np.log(rows["ratio"].to_numpy())
        )
        yield Claim(
            claim="log of ||F|| / ||s||, slope per block within stages",
            source="Jastrzebski et al. 2018, Fig. 2",
            published="below 0 (falls within a stage)",
            measured=slope, low=low, high=high, n=len(rows), of="blocks",
            setting=f"{network.name}; {network.data}", verdict=signed(slope, low, high, -1),
        )  # fmt: skip


def slope_within(groups: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """Return the common slope of lines that each group has at its own height, and 95 % around it.

    Examples
    --------
    >>> slope, low, high = slope_within(
    ...     np.array([1, 1, 1, 2, 2, 2]), np.array([0, 1, 2, 3, 4, 5]),
    ...     np.array([5.0, 4.1, 3.0, 9.0, 8.0, 6.9]))
    >>> round(slope, 3), low < -1 < high
    (-1.025, True)
    """
    centred = []
    for values in (x.astype(float), y.astype(float)):
        means = {group: values[groups == group].mean() for group in np.unique(groups)}
        centred.append(values - np.array([means[group] for group in groups]))
    dx, dy = centred
    slope = float((dx * dy).sum() / (dx * dx).sum())
    degrees = len(x) - len(np.unique(groups)) - 1
    left = float(((dy - slope * dx) ** 2).sum())
    error = math.sqrt(left / degrees / float((dx * dx).sum())) if degrees > 0 else math.nan
    half = float(student.ppf(0.975, degrees)) * error if degrees > 0 else math.nan
    return slope, slope - half, slope + half


def _cut_off(frame: pd.DataFrame, networks: list[Network]) -> Iterator[Claim]:
    for network in networks:
        if network.plain or network.pre_activation:
            continue
        shares = frame.loc[frame["network"] == network.name, "negative_share"]
        found = spread(shares.tolist())
        yield Claim(
            claim="share of the sum below 0, which the ReLU behind it cuts off: mean over blocks",
            source="He et al. 2016, section 4.1",
            published="below one half (y is mostly positive after some training)",
            measured=found.mean, low=found.low, high=found.high, n=found.n, of="blocks",
            setting=f"{network.name}; {network.data}", percent=True,
            verdict=signed(found.mean - 0.5, found.low - 0.5, found.high - 0.5, -1),
        )  # fmt: skip


def _growth(results: Results) -> Iterator[Claim]:
    """Report the factor per layer at initialisation, and of plain networks after training."""
    for entry in results["initial"].meta["networks"]:
        growth = entry["growth"]
        plain = bool(entry["plain"])
        published = EXPLODING if plain else 1.0
        yield Claim(
            claim="gradient at initialisation, factor per layer, "
            + ("plain" if plain else "residual"),
            source="Yang et al. 2019",
            published="1.211 (ReLU, large batches)" if plain else "1 (flat)",
            measured=growth["factor"], low=growth["low"], high=growth["high"],
            n=growth["blocks"], of="blocks",
            setting=f"{entry['network']}; convolutions, batches of 64; embedded images",
            verdict=near(
                growth["factor"], published, low=growth["low"], high=growth["high"],
                away_from=1.0 if plain else EXPLODING,
            ),
        )  # fmt: skip
    for entry in results["flow"].meta["networks"]:
        growth = entry["growth"]
        if not entry["plain"] or growth["low"] is None:
            continue
        gap = [growth[name] - EXPLODING for name in ("factor", "low", "high")]
        yield Claim(
            claim="gradient after training, factor per layer, plain",
            source="Yang et al. 2019; He et al. 2015, section 4.1",
            published="below 1.211 (the range collapses; healthy norms)",
            measured=growth["factor"], low=growth["low"], high=growth["high"],
            n=growth["blocks"], of="blocks", setting=entry["network"],
            verdict=signed(*gap, -1),
        )  # fmt: skip


def _scaled(result: Result) -> Iterator[Claim]:
    """Hold the gradient along the shortcuts against the product of their factors."""
    for network, rows in result.frame.groupby("network", sort=False):
        factor = float(str(network).rpartition("scale=")[2])
        gain = rows.sort_values("block")["identity_gain"].to_numpy()
        identity = (rows.sort_values("block")["kind"] == "identity").to_numpy()
        step = gain / np.append(gain[1:], 1.0)
        through = float(np.exp(np.log(step[identity]).sum()))
        units = int(identity.sum())
        yield Claim(
            claim=f"gradient by shortcuts alone through {units} units that keep the shape, "
            f"scaled by {factor:g}: over that at their outputs",
            source="He et al. 2016, eq. 8",
            published=f"{factor**units:.2g} (product of the factors)",
            measured=through, n=int(rows["n"].iloc[0]), of="images",
            setting=f"{network}; embedded images",
            # rounding of a product of as many float32 numbers
            verdict=near(through, factor**units, tolerance=1e-4),
        )  # fmt: skip
        if factor == 1:
            continue
        yield Claim(
            claim=f"the same through all {len(gain)} units",
            source="He et al. 2016, section 3.1",
            published=f"{factor ** len(gain):.2g}",
            measured=float(gain[0]), n=int(rows["n"].iloc[0]), of="images",
            setting=f"{network}; at two transitions zero padding lets a part go",
            verdict=near(float(gain[0]), factor ** len(gain), away_from=1.0),
        )  # fmt: skip
