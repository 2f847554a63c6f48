"""The gradient at the blocks over the course of a training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.ticker import MaxNLocator

from resprobe.errors import InputError
from resprobe.figures.depth import log_limits
from resprobe.figures.keys import Entries, key, series_key
from resprobe.figures.legend import finish
from resprobe.figures.lesion.heat import colour_bar, part_stages
from resprobe.figures.series import Results, Series, gather, listed
from resprobe.figures.theme import drawn, faint, paper, stroke, theme

__all__ = ["plot_gradient_heat", "plot_gradient_training", "training_panels"]

_NUMBERS = ("step", "block", "identity", "residual", "input")


def training_panels(results: Results) -> list[Callable[..., Axes]]:
    """Return the panels: lines of some blocks, and a heat map of all for each network."""
    networks = range(len(_gathered(results)))
    return [
        plot_gradient_training,
        *(partial(plot_gradient_heat, network=number) for number in networks),
    ]


def plot_gradient_training(results: Results, ax: Axes, *, order: Sequence[str] = ()) -> Axes:
    """Draw the gradient at the inputs of first and last block over a training.

    On a logarithmic axis, thick at the first block and thin at the last; where the lines part,
    the gradient grows or fades on its way through the network.

    Parameters
    ----------
    results : Result or sequence of Result
        Named "gradflow-training".
    ax : Axes
        Where to draw.
    order : sequence of str
        Networks that keep the colour of their place here.

    Raises
    ------
    InputError
        If a result is no such result or is empty.
    """
    series = _gathered(results, order)
    with theme():
        entries: Entries = [series_key(one) for one in series]
        drawn_any = [_lines(ax, one) for one in series]
        log_limits(ax, [norms for lines in drawn_any for norms in lines])
        ax.set_xlabel(_unit(results).capitalize())
        ax.set_ylabel("Gradient norm at the block's input,\nmean ‖∂L/∂x‖₂ per image")
        ax.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
        ax.grid(visible=False, axis="x")
        entries += [
            (key(linestyle="-", linewidth=stroke(1.8)), "first block"),
            (key(linestyle="-", linewidth=stroke(0.7)), "last block"),
        ]
        finish(ax, entries)
    return ax


def plot_gradient_heat(
    results: Results, ax: Axes, *, network: int = 0, order: Sequence[str] = ()
) -> Axes:
    """Draw the gradient's norm at every block and step of a training as a heat map.

    Every step stands relative to its last block, in powers of ten, so that red is growth
    towards the input and blue is fading; what is 0 or not finite is grey.

    Parameters
    ----------
    results : Result or sequence of Result
        Named "gradflow-training".
    ax : Axes
        Where to draw.
    network : int
        Which of the networks, in the order of the results.
    order : sequence of str
        Networks that keep the colour of their place here.

    Raises
    ------
    InputError
        If a result is no such result, is empty, or lacks the network.
    """
    series = _gathered(results, order)
    if not 0 <= network < len(series):
        raise InputError(f"there are {len(series)} networks in the result; got number {network}")
    ratios = [_relative(one) for one in series]
    steps, values = ratios[network]
    every = np.concatenate([found.ravel() for _, found in ratios])
    finite = np.abs(every[np.isfinite(every)])
    limit = max(0.3, float(finite.max())) if len(finite) else 1.0
    colours, scale = colormaps["RdBu_r"].with_extremes(bad=faint()), Normalize(-limit, limit)
    with theme():
        ax.pcolormesh(
            _edges(steps), np.arange(len(values) + 1) - 0.5, np.ma.masked_invalid(values),
            cmap=colours, norm=scale, zorder=1, rasterized=True,
        )  # fmt: skip
        ax.grid(visible=False)
        ax.yaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
        ax.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True, min_n_ticks=1))
        ax.set_xlabel(_unit(results).capitalize())
        ax.set_ylabel("Block (0 is nearest the input)")
        colour_bar(ax, scale, colours, "log₁₀ of the norm over the last block's")
        first = series[network].rows.drop_duplicates("block").sort_values("block")
        finish(ax, part_stages(ax, "y", first), title=series[network].label)
    return ax


def _gathered(results: Results, order: Sequence[str] = ()) -> list[Series]:
    return gather(results, name="gradflow-training", numbers=_NUMBERS, order=order)


def _unit(results: Results) -> str:
    return str(listed(results)[0].meta.get("unit", "step"))


def _lines(ax: Axes, series: Series) -> list[np.ndarray]:
    """Draw the norms at the first and the last block, and return them."""
    blocks = series.numbers("block")
    drawn_any = []
    for block, width in ((blocks.max(), 0.7), (blocks.min(), 1.8)):
        rows = series.rows[blocks == block].sort_values("step")
        norm = rows["input"].to_numpy(dtype=float)
        fits = np.isfinite(norm) & (norm > 0)
        drawn_any.append(norm)
        few = len(rows) <= 30
        ax.plot(
            rows["step"],
            np.where(fits, norm, np.nan),
            color=series.style.colour,
            linestyle=series.style.linestyle,
            linewidth=stroke(width),
            marker=series.style.marker if few else "none",
            markersize=3.2,
            markerfacecolor=series.style.colour if width > 1 else paper(),
            markeredgewidth=0.8,
            label=drawn(f"{series.label} {int(block)}"),
        )
    return drawn_any


def _relative(series: Series) -> tuple[np.ndarray, np.ndarray]:
    """Return the steps, and log10 of each block's norm over the last block's, (blocks, steps)."""
    table = series.rows.pivot(index="block", columns="step", values="input")
    norms = table.to_numpy(dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log10(norms / norms[-1])
    return table.columns.to_numpy(dtype=float), np.where(np.isfinite(ratio), ratio, np.nan)


def _edges(steps: np.ndarray) -> np.ndarray:
    """Return where the columns of a heat map end: halfway between steps."""
    if len(steps) == 1:
        return np.array([steps[0] - 0.5, steps[0] + 0.5])
    middle = (steps[1:] + steps[:-1]) / 2
    return np.concatenate([[2 * steps[0] - middle[0]], middle, [2 * steps[-1] - middle[-1]]])
