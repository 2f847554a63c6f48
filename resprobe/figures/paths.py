"""Gradient by path length: how many paths, how much each, the product (Veit et al. 2016)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes

from resprobe.figures.depth import draw_on_log_axis, log_limits
from resprobe.figures.keys import Entries, bars_key, key, open_key, series_key, solid_key
from resprobe.figures.legend import finish
from resprobe.figures.marks import draw_bars, draw_series
from resprobe.figures.path_parts import (
    NUMBERS,
    SINGLE,
    TEXTS,
    PathSeries,
    length_axis,
    path_series,
    title_of,
)
from resprobe.figures.series import Results, gather
from resprobe.figures.theme import drawn, ink, points, stroke, theme

__all__ = ["path_panels", "plot_path_counts", "plot_path_norms",
           "plot_path_weights"]  # fmt: skip

_NAMES = {"rms": "rms of single paths", "sampled": "mean of sampled paths",
          "exact": "mean path, exact"}  # fmt: skip
_DASHED = (0.0, (3, 1.5))


def path_panels(results: Results) -> list[Callable[..., Axes]]:
    """Return three panels; six where transitions are both counted and run whole."""
    kinds = list(
        dict.fromkeys(
            str(kind)
            for one in gather(results, name="paths", numbers=NUMBERS, texts=TEXTS)
            for kind in one.rows["transitions"]
        )
    )
    draw = (plot_path_counts, plot_path_norms, plot_path_weights)
    return [partial(panel, transitions=kind) for kind in kinds for panel in draw]


def plot_path_counts(
    results: Results, ax: Axes, *, transitions: str = "", order: Sequence[str] = ()
) -> Axes:
    """Draw the share of all paths that has each length, in percent.

    Parameters
    ----------
    results : Result or sequence of Result
        Named "paths".
    ax : Axes
        Where to draw.
    transitions : str
        "counted" or "apart"; by default the first in the frame.
    order : sequence of str
        Networks that keep the colour of their place here.

    Raises
    ------
    InputError
        If a result is no paths result or is empty.

    References
    ----------
    A. Veit, M. Wilber, S. Belongie, "Residual networks behave like ensembles of relatively
    shallow networks", NIPS 2016, Fig. 6a.
    """
    networks, relative = path_series(results, transitions, order)
    with theme():
        leading = [network for network in networks if network.leads]
        for network in leading:
            draw_series(ax, network.series, network.x, 100 * network.numbers("paths_share"))
        length_axis(ax, leading, relative=relative)
        ax.set_ylabel("Paths of this length (%)")
        ax.set_ylim(bottom=0)
        entries = [series_key(network.series) for network in leading]
        finish(ax, entries, title=title_of(leading))
    return ax


def plot_path_norms(
    results: Results, ax: Axes, *, transitions: str = "", order: Sequence[str] = ()
) -> Axes:
    """Draw how large the gradient of one path of each length is, on a logarithmic axis.

    Filled marks are the root mean square (method "rms"), open ones the mean over sampled paths,
    with one standard error; a dashed line is the norm of the mean path (method "exact"), which
    is lower as path gradients cancel. Parameters and errors as :func:`plot_path_counts`.

    References
    ----------
    A. Veit, M. Wilber, S. Belongie, NIPS 2016, Fig. 6b.
    """
    networks, relative = path_series(results, transitions, order)
    with theme():
        by_method = {
            method: [network for network in networks if network.method == method]
            for method in SINGLE
        }
        marked = {m: found for m, found in by_method.items() if found and m != "exact"}
        entries = _draw_marked(ax, marked)
        for network in by_method["exact"]:
            _draw_dashed(ax, network, network.numbers("average"))
        _fit_log_axis(ax, networks)
        entries += _whiskers(ax, [n for found in marked.values() for n in found])
        length_axis(ax, networks, relative=relative)
        ax.set_ylabel("Gradient norm of a path,\nmean per image")
        finish(ax, _key_of_methods(by_method) + entries, title=title_of(networks))
    return ax


def plot_path_weights(
    results: Results, ax: Axes, *, transitions: str = "", order: Sequence[str] = ()
) -> Axes:
    """Draw number of paths times norm by length, in percent of the sum over all lengths.

    A bar below spans the effective lengths of each network, of the method that leads (rms,
    else sampled, else exact). A dashed line is the share of the gradient itself (method
    "exact", column ``projection``). Parameters and errors as :func:`plot_path_counts`.

    References
    ----------
    A. Veit, M. Wilber, S. Belongie, NIPS 2016, Fig. 6c.
    """
    networks, relative = path_series(results, transitions, order)
    with theme():
        for network in networks:
            if network.leads or network.method == "sampled":
                weight = 100 * network.numbers("weight")
                draw_series(ax, network.series, network.x, weight, filled=network.leads)
            if network.method == "exact":
                _draw_dashed(ax, network, 100 * network.numbers("projection"))
        entries = _draw_ranges(ax, [network for network in networks if network.leads])
        if any(network.method == "exact" for network in networks):
            entries.append((key(linestyle=_DASHED), "share of the gradient"))
        length_axis(ax, networks, relative=relative)
        ax.set_ylabel("Number of paths × norm (%)")
        finish(ax, entries, title=title_of(networks))
    return ax


def _draw_marked(ax: Axes, marked: dict[str, list[PathSeries]]) -> Entries:
    values = marked.get("rms", [])
    beside = marked.get("sampled", [])
    entries: Entries = []
    for networks, filled in ((values, True), (beside, False)):
        if not networks:
            continue
        series, positions = [n.series for n in networks], [n.x for n in networks]
        column = SINGLE[networks[0].method]
        norms = [n.numbers(column) for n in networks]
        first, other = (norms, ()) if filled else ((), norms)
        entries += draw_on_log_axis(ax, series, positions, list(first), beside=list(other))
    return list(dict(reversed([(label, (handle, label)) for handle, label in entries])).values())


def _draw_dashed(ax: Axes, network: PathSeries, values: np.ndarray) -> None:
    ax.plot(
        network.x,
        values,
        color=network.series.style.colour,
        linestyle=_DASHED,
        linewidth=stroke(1.0),
        label=drawn(f"{network.series.label} exact"),
        zorder=2.6,
    )


def _fit_log_axis(ax: Axes, networks: Sequence[PathSeries]) -> None:
    """Show all methods, each of which draws by itself."""
    log_limits(ax, [network.numbers(SINGLE[network.method]) for network in networks])


def _whiskers(ax: Axes, networks: Sequence[PathSeries]) -> Entries:
    there = False
    for network in networks:
        column = SINGLE[network.method]
        norm, error = network.numbers(column), network.numbers(f"{column}_se")
        known = np.where(error > 0, error, np.nan)
        there |= draw_bars(ax, network.series.style.colour, network.x, norm - known, norm + known)
    return [bars_key("± standard error")] if there else []


def _key_of_methods(by_method: dict[str, list[PathSeries]]) -> Entries:
    looks = {
        "rms": solid_key(),
        "sampled": open_key(),
        "exact": key(linestyle=_DASHED),
    }
    return [(looks[method], _NAMES[method]) for method, found in by_method.items() if found]


def _draw_ranges(ax: Axes, networks: Sequence[PathSeries]) -> Entries:
    """Draw each network's effective lengths as a bar under the curves, with its ends in words."""
    low_end, top = (float(end) for end in ax.get_ylim())
    floor = low_end if low_end < -0.06 * top else 0.0  # where a share of the gradient is negative
    step, drawn_any = 0.075 * (top - floor), False
    for row, network in enumerate(networks, start=1):
        inside = network.effective
        if not inside.any():
            continue
        low, high = network.x[inside][[0, -1]]
        lengths = network.numbers("length")[inside]
        colour = network.series.style.colour
        ax.plot(
            [low, high],
            [floor - row * step] * 2,
            color=colour,
            linewidth=stroke(3),
            solid_capstyle="butt",
        )
        ax.annotate(
            f"{lengths[0]:.0f}–{lengths[-1]:.0f}",
            (high, floor - row * step),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=points(6.5),
            color=colour,
        )
        drawn_any = True
        if len(networks) == 1:
            ax.axvspan(low - 0.5, high + 0.5, color=ink(), alpha=0.07, linewidth=0, zorder=0)
    ax.set_yticks([tick for tick in ax.get_yticks() if floor <= tick <= top])
    ax.set_ylim(floor - (len(networks) + 1) * step, top)
    return [(key(linestyle="-", linewidth=stroke(3)), "effective lengths")] if drawn_any else []
