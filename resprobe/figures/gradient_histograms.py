"""How the elements of the gradient are spread over the orders of magnitude, block by block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.ticker import MaxNLocator

from resprobe.errors import InputError
from resprobe.figures.legend import finish
from resprobe.figures.lesion.heat import colour_bar, part_stages
from resprobe.figures.series import Results, Series, gather
from resprobe.figures.theme import ink, paper, points, short_text, theme

__all__ = ["histogram_panels", "plot_gradient_histogram"]

NAMES = {"input": "gradient", "identity": "identity part", "residual": "residual part"}
_NUMBERS = ("block", "low", "high", "count", "share")


def histogram_panels(results: Results) -> list[Callable[..., Axes]]:
    """Return a panel for each network and each part of its gradient."""
    return [
        partial(plot_gradient_histogram, network=number, part=part)
        for number, one in enumerate(_gathered(results))
        for part in one.rows["part"].unique()
    ]


def plot_gradient_histogram(
    results: Results,
    ax: Axes,
    *,
    network: int = 0,
    part: str = "input",
    order: Sequence[str] = (),
) -> Axes:
    """Draw the share of elements in each bin of size, block by block, as a heat map.

    White lines part the stages, diamonds
    are transitions, and all panels have one scale. The line is the median of the elements that
    are not 0; exact zeros are a grey row at
    the lower edge.

    Parameters
    ----------
    results : Result or sequence of Result
        Named "gradflow-histograms".
    ax : Axes
        Where to draw.
    network : int
        Which of the networks, in the order of the results.
    part : str
        "input" (the whole), "identity" or "residual".
    order : sequence of str
        Networks that keep the colour of their place here.

    Raises
    ------
    InputError
        If a result is no such result, is empty, or lacks the network or the part.
    """
    series = _gathered(results, order)
    if not 0 <= network < len(series):
        raise InputError(f"there are {len(series)} networks in the result; got number {network}")
    rows = series[network].rows[series[network].rows["part"] == part]
    if rows.empty:
        raise InputError(f"{series[network].label}: no histogram of the part '{part}'")
    blocks = 1 + int(rows["block"].max())
    low, high = _range(series)
    shares, zeros = _matrix(rows, blocks, low, high)
    most = _largest_share(series, low, high)
    colours = colormaps["viridis"].with_extremes(bad=paper())
    with theme():
        scale = Normalize(0, 100 * most)
        edges = np.log10(2.0) * np.arange(low, high + 1)
        ax.pcolormesh(
            np.arange(blocks + 1) - 0.5, edges, 100 * np.ma.masked_equal(shares, 0),
            cmap=colours, norm=scale, zorder=1, rasterized=True,
        )  # fmt: skip
        _medians(ax, shares, edges)
        _zero_row(ax, zeros, edges)
        steps = rows.drop_duplicates("block").sort_values("block")
        transitions = part_stages(ax, "x", steps, steps["block"].to_list())
        ax.grid(visible=False)
        ax.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
        ax.set_xlabel("Block (0 is nearest the input)")
        ax.set_ylabel("log₁₀ |∂L/∂x|, element by element")
        colour_bar(ax, scale, colours, "% of the elements")
        finish(
            ax,
            transitions,
            title=f"{short_text(series[network].label, limit=20)}, {NAMES.get(part, part)}",
        )
    return ax


def _gathered(results: Results, order: Sequence[str] = ()) -> list[Series]:
    return gather(
        results, name="gradflow-histograms", numbers=_NUMBERS, texts=("part",), order=order
    )


def _range(series: Sequence[Series]) -> tuple[int, int]:
    """Return the exponents between which nearly all elements of all networks lie."""
    rows = pd.concat([one.rows for one in series])
    rows = rows[(rows["low"] > 0) & (rows["share"] > 1e-4)]
    if rows.empty:
        return -1, 1
    exponents = np.log2(rows["high"].to_numpy())
    return round(exponents.min()) - 1, round(exponents.max())


def _largest_share(series: Sequence[Series], low: int, high: int) -> float:
    """Return the largest share in a bin of all panels, which have one scale of colours."""
    shares = [
        _matrix(rows, 1 + int(rows["block"].max()), low, high)[0].max()
        for one in series
        for _, rows in one.rows.groupby("part")
    ]
    return max(float(max(shares)), 1e-9)


def _matrix(rows: pd.DataFrame, blocks: int, low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
    """Return shares by bin and block, what lies outside in the outermost bins, and of zeros."""
    shares, zeros = np.zeros((high - low, blocks)), np.zeros(blocks)
    for row in rows.to_dict("records"):
        block = int(row["block"])
        if row["high"] == 0:
            zeros[block] += row["share"]
        else:
            place = int(np.clip(round(np.log2(row["high"])) - 1 - low, 0, high - low - 1))
            shares[place, block] += row["share"]
    return shares, zeros


def _medians(ax: Axes, shares: np.ndarray, edges: np.ndarray) -> None:
    whole = shares.sum(0)
    sums = np.cumsum(shares, axis=0) / np.where(whole > 0, whole, 1)
    found = edges[np.argmax(sums >= 0.5, axis=0)] + (edges[1] - edges[0]) / 2
    line = np.where(whole > 0, found, np.nan)
    ax.plot(np.arange(len(whole)), line, color=paper(), linewidth=2.2, zorder=2)
    ax.plot(np.arange(len(whole)), line, color=ink(), linewidth=1.0, zorder=2.1, marker=".",
            markersize=3 if len(whole) < 30 else 0)  # fmt: skip


def _zero_row(ax: Axes, zeros: np.ndarray, edges: np.ndarray) -> None:
    """Draw exact zeros, in greys up to all elements, as a row of its own below the rest."""
    if not zeros.any():
        return
    unit = 0.05 * (edges[-1] - edges[0])
    bottom = edges[0] - 2.6 * unit
    ax.pcolormesh(
        np.arange(len(zeros) + 1) - 0.5, [bottom, bottom + unit], 100 * zeros[None],
        cmap=colormaps["Greys"], norm=Normalize(0, 100), zorder=1,
    )  # fmt: skip
    ax.annotate(
        f"exactly 0: at most {100 * zeros.max():.2g} %", (0.02, edges[0] - 0.8 * unit),
        xycoords=("axes fraction", "data"), fontsize=points(6), va="center", color=ink(),
    )  # fmt: skip
    ax.axhline(edges[0], color=ink(), linewidth=0.5)
    ax.set_ylim(bottom, edges[-1])
