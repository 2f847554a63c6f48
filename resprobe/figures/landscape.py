"""The loss around networks: contours of a plane side by side, or curves along a line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from resprobe.errors import InputError
from resprobe.figures.keys import Entries, key, lost_key
from resprobe.figures.legend import finish
from resprobe.figures.lesion.heat import colour_bar, picked
from resprobe.figures.series import Results, Series, gather
from resprobe.figures.theme import faint, ink, paper, points, stroke, theme

__all__ = ["landscape_height", "landscape_panels", "plot_landscape", "plot_landscape_line"]

_LEVELS, _LOWEST, _HIGHEST = 12, 1e-4, 25.0  # contours, from and to in nats per image
_NUMBERS = ("a", "b", "loss", "loss_low", "loss_high", "error", "error_low", "error_high")
LINE = {
    "loss": ("Loss, mean cross entropy\n(nats per image)", 1.0),
    "error": ("Error (%)", 100.0),
}


def landscape_panels(results: Results) -> list[Callable[..., Axes]]:
    """Return a panel for each plane; for lines one for the loss and one for the error."""
    series = _series(results)
    planes = [number for number, one in enumerate(series) if _is_plane(one)]
    lines = len(planes) < len(series)
    return [
        *(partial(plot_landscape, panel=number) for number in planes),
        *(partial(plot_landscape_line, figure=figure) for figure in LINE if lines),
    ]


def landscape_height(results: Results, width: float) -> float | None:
    """Return how high a panel of so many inches is best: a plane is square."""
    if not any(_is_plane(one) for one in _series(results)):
        return None
    return 0.70 * min(6.0, width) + 0.6


def plot_landscape(
    results: Results, ax: Axes, *, panel: int | None = None, order: Sequence[str] = ()
) -> Axes:
    """Draw the loss over a plane as contours whose levels all networks share.

    Levels are a constant factor apart, up to 25 nats per image; what lies higher has the colour
    of the highest. Between places the logarithm of the loss is interpolated. The cross is the
    network itself. Places whose loss is not finite are grey. A line is drawn as
    :func:`plot_landscape_line` does.

    Parameters
    ----------
    results : Result or sequence of Result
        Named "landscape".
    ax : Axes
        Where to draw.
    panel : int, optional
        Which network, where there are several.
    order : sequence of str
        Networks that keep the colour of their place here.

    Raises
    ------
    InputError
        If a result is no landscape result or is empty, or there are several planes and none is
        chosen.

    References
    ----------
    Li et al., "Visualizing the loss landscape of neural nets", NeurIPS 2018, figure 5.
    """
    every = _series(results, order)
    planes = [one for one in every if _is_plane(one)]
    if not planes:
        return plot_landscape_line(results, ax, order=order)
    one = picked(every, panel)
    table = one.rows.pivot(index="b", columns="a", values="loss")
    a, b, losses = table.columns.to_numpy(float), table.index.to_numpy(float), table.to_numpy()
    levels = _levels(planes)
    with theme():
        ax.set_facecolor(faint())
        finite = np.ma.masked_invalid(losses)
        # between two places the loss is taken to grow by a factor, as between two levels
        heights, log_levels = np.ma.log(np.ma.maximum(finite, _LOWEST)), np.log(levels)
        colours = colormaps["viridis_r"]
        shown = heights.clip(log_levels[0], log_levels[-1])
        ax.contourf(a, b, shown, levels=log_levels, cmap=colours, zorder=1)
        shades = [ink() if place < 0.55 else paper() for place in np.linspace(0, 1, _LEVELS)]
        lines = ax.contour(
            a, b, heights, levels=log_levels, colors=shades, linewidths=stroke(0.45),
            linestyles="solid", zorder=2,
        )  # fmt: skip
        # the levels that the scale of colours names: more would lie on each other
        ax.clabel(
            lines,
            log_levels[::3],
            fmt=lambda height: _short(np.exp(height)),
            fontsize=points(5.5),
            inline_spacing=2,
        )
        ax.plot(0, 0, marker="+", markersize=6, color=paper(), markeredgewidth=1.4, zorder=3)
        ax.set_aspect("equal")
        ax.grid(visible=False)
        more = "" if finite.max() <= levels[-1] else f"; {_short(levels[-1])} and more alike"
        bar = colour_bar(
            ax, LogNorm(levels[0], levels[-1]), colours, f"Loss (nats per image{more})"
        )
        bar.set_ticks(list(levels[::3]))
        bar.ax.yaxis.set_major_formatter(lambda value, _: _short(value))
        bar.ax.minorticks_off()
        ax.set_xlabel("First direction (filter norms)")
        ax.set_ylabel("Second direction (filter norms)")
        entries: Entries = []
        if finite.mask.any():
            entries.append((Patch(facecolor=faint(), linewidth=0), "not finite"))
        finish(ax, entries, title=one.label)
    return ax


def plot_landscape_line(
    results: Results, ax: Axes, *, figure: str = "loss", order: Sequence[str] = ()
) -> Axes:
    """Draw loss or error along a line through each network, with their 95 % intervals.

    The loss has a logarithmic axis where it spans more than a factor of 20. What is not finite
    is marked at the upper edge.

    Parameters
    ----------
    results : Result or sequence of Result
        Named "landscape".
    ax : Axes
        Where to draw.
    figure : str
        ``loss`` or ``error``.
    order : sequence of str
        Networks that keep the colour of their place here.

    Raises
    ------
    InputError
        If a result is no landscape result, is empty, or has no line.
    """
    series = [one for one in _series(results, order) if not _is_plane(one)]
    if not series:
        raise InputError("the landscape result has no line; it has planes only")
    label, factor = LINE[figure]
    with theme():
        entries: Entries = [_key_of(one) for one in series]
        for one in series:
            a, y = one.numbers("a"), factor * one.numbers(figure)
            low, high = (factor * one.numbers(f"{figure}_{end}") for end in ("low", "high"))
            look = one.style
            ax.fill_between(a, low, high, color=look.colour, alpha=0.18, linewidth=0, zorder=2)
            ax.plot(
                a, y, color=look.colour, linestyle=look.linestyle, linewidth=stroke(1.2), zorder=3
            )
            _mark_top(ax, one, a[~np.isfinite(y)])
        if any(not np.isfinite(one.numbers(figure)).all() for one in series):
            entries.append(lost_key())
        ax.axvline(0, color=ink(), linewidth=stroke(0.6), linestyle=":", zorder=1)
        _scale(ax, np.concatenate([factor * one.numbers(figure) for one in series]), figure)
        entries.append((Patch(color=ink(), alpha=0.18, linewidth=0), "95 % over images"))
        ax.xaxis.set_major_locator(MaxNLocator(nbins=5))
        ax.set_xlabel("Along a random direction\n(filter norms)")
        ax.set_ylabel(label)
        finish(ax, entries)
    return ax


def _key_of(one: Series) -> tuple[Artist, str]:
    look = one.style
    return key(color=look.colour, linestyle=look.linestyle), one.label


def _series(results: Results, order: Sequence[str] = ()) -> list[Series]:
    return gather(results, name="landscape", numbers=_NUMBERS, order=order)


def _is_plane(one: Series) -> bool:
    return bool((one.numbers("b") != 0).any())


def _levels(planes: Sequence[Series]) -> np.ndarray:
    """Return losses a constant factor apart that hold all finite ones."""
    losses = np.concatenate([one.numbers("loss") for one in planes])
    shown = losses[np.isfinite(losses) & (losses > 0)]
    if not len(shown):
        return np.geomspace(0.1, 10, _LEVELS)
    low = max(float(shown.min()), _LOWEST)
    # far above chance a loss says no more than that answers are sure and wrong
    high = max(min(float(shown.max()), _HIGHEST), 2 * low)
    return np.geomspace(low, high, _LEVELS)


def _short(value: float) -> str:
    return f"{value:.2g}" if value < 10 else f"{value:.0f}"


def _mark_top(ax: Axes, one: Series, x: np.ndarray) -> None:
    if len(x):
        ax.plot(
            x, np.full(len(x), 0.975), transform=ax.get_xaxis_transform(), linestyle="none",
            marker="x", markersize=4.5, markeredgewidth=1.1, color=one.style.colour, zorder=4,
        )  # fmt: skip


def _scale(ax: Axes, values: np.ndarray, figure: str) -> None:
    shown = values[np.isfinite(values) & (values > 0)]
    if figure == "error":
        ax.set_ylim(0, 102)
    elif len(shown) and shown.max() > 20 * shown.min():
        ax.set_yscale("log")
    else:
        ax.set_ylim(bottom=0)
