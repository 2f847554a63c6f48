"""What can be read after each block: accuracy, direction of the branch, distance to the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from matplotlib.axes import Axes

from resprobe.errors import InputError
from resprobe.figures.depth import depth_axis
from resprobe.figures.keys import Entries, bars_key, open_key, series_key, solid_key
from resprobe.figures.legend import finish
from resprobe.figures.marks import draw_bars, draw_series, draw_transitions
from resprobe.figures.series import Results, Series, gather, on_one_axis
from resprobe.figures.theme import ink, stroke, theme

__all__ = [
    "plot_estimation_error",
    "plot_readout",
    "plot_readout_cosine",
    "readout_panels",
]

HEAD, PROBE = "head_accuracy", "probe_accuracy"
ERROR, BIAS = "error_std_relative", "error_mean_relative"


def readout_panels(results: Results) -> list[Callable[..., Axes]]:
    """Return the panels that the tables have columns for; the cosine's where a block has one."""
    found = gather(results, name="readout", numbers=("block",))
    there = set.intersection(*(set(one.rows.columns) for one in found))
    panels: list[Callable[..., Axes]] = []
    if {HEAD, PROBE} & there:
        panels.append(plot_readout)
    if "cosine" in there and _any_finite(results, "cosine"):
        panels.append(plot_readout_cosine)
    if {ERROR, BIAS} & there:
        panels.append(plot_estimation_error)
    first, *others = panels or [plot_readout]
    return [first, *(partial(panel, bare=True) for panel in others)]


def _any_finite(results: Results, column: str) -> bool:
    found = gather(results, name="readout", numbers=(column,))
    return any(np.isfinite(one.numbers(column)).any() for one in found)


def plot_readout(results: Results, ax: Axes, *, order: Sequence[str] = ()) -> Axes:
    """Draw the accuracy after each block, by linear probes and by the network's own head.

    Probes are filled, the head, which reads in the last stage only, is open. Bars are 95 %
    intervals (Wilson). Networks of different depth share a relative axis.

    Parameters
    ----------
    results : Result or sequence of Result
        Named "readout".
    ax : Axes
        Where to draw.
    order : sequence of str
        Networks that keep the colour of their place here.

    Raises
    ------
    InputError
        If a result is no readout result or is empty.
    """
    columns = [f"{of}{end}" for of in (HEAD, PROBE) for end in ("", "_low", "_high")]
    series, positions, relative = _on_axis(results, columns, order)
    with theme():
        shading = depth_axis(ax, series, positions, relative=relative, what="block")
        entries = [series_key(one) for one in series]
        drawn, marks = {of: False for of in (PROBE, HEAD)}, Entries()
        for one, x in zip(series, positions, strict=True):
            for of in drawn:
                y = 100 * one.numbers(of)
                if not np.isfinite(y).any():
                    continue
                drawn[of] = True
                draw_series(ax, one, x, y, filled=of == PROBE)
                low, high = (100 * one.numbers(f"{of}_{end}") for end in ("low", "high"))
                draw_bars(ax, one.style.colour, x, low, high)
                marks += draw_transitions(ax, one, x, y, filled=of == PROBE)
        ax.set_ylim(0, 102)
        ax.set_ylabel("Accuracy after the block (%)")
        parts = [solid_key(), open_key()]
        names = ("linear probe", "network's own head")
        entries += [
            (handle, name)
            for handle, name, there in zip(parts, names, drawn.values(), strict=True)
            if there
        ]
        finish(ax, [*entries, bars_key("95 % interval"), *marks, *shading])
    return ax


def plot_readout_cosine(
    results: Results, ax: Axes, *, bare: bool = False, order: Sequence[str] = ()
) -> Axes:
    """Draw the cosine of each branch's output and the loss's gradient at the block's input.

    Below 0 a block goes down the loss. Bars are two standard errors; a block that changes the
    shape has no cosine and leaves a gap. Parameters and errors as :func:`plot_readout`; ``bare``
    leaves the names of the networks to another panel, networks without any cosine are left out.

    References
    ----------
    S. Jastrzebski et al., "Residual connections encourage iterative inference", ICLR 2018, Fig. 4.
    """
    series, positions, relative = _on_axis(results, ("cosine", "cosine_se"), order, some="cosine")
    with theme():
        shading = depth_axis(ax, series, positions, relative=relative, what="block")
        there = False
        for one, x in zip(series, positions, strict=True):
            there |= _with_bars(ax, one, x, "cosine", filled=True)[1]
        ax.axhline(0, color=ink(), linewidth=stroke(0.6), zorder=1)
        ax.set_ylabel("Cosine of F(x) and ∂L/∂x,\nmean over images")
        entries = [] if bare else [series_key(one) for one in series]
        bars = [bars_key("± 2 standard errors")] * there
        finish(ax, [*entries, *bars, *([] if bare else shading)])
    return ax


def plot_estimation_error(
    results: Results, ax: Axes, *, bare: bool = False, order: Sequence[str] = ()
) -> Axes:
    """Draw mean and spread of each block's output less its stage's output.

    Both over the standard deviation of the stage's output; 0 at a stage's last block. Bars are
    two standard errors. Parameters and errors as :func:`plot_readout_cosine`.

    References
    ----------
    K. Greff et al., "Highway and residual networks learn unrolled iterative estimation", ICLR
    2017, Fig. 3.
    """
    columns = (ERROR, BIAS, "error_std_se", "error_mean_se", "stage_std")
    series, positions, relative = _on_axis(results, columns, order)
    with theme():
        shading = depth_axis(ax, series, positions, relative=relative, what="block")
        marks, there = Entries(), False
        for one, x in zip(series, positions, strict=True):
            for column, error in ((ERROR, "error_std_se"), (BIAS, "error_mean_se")):
                scaled = one.numbers(error) / one.numbers("stage_std")
                rows = one.rows.assign(**{f"{column}_se": scaled})
                filled = column == ERROR
                found, some = _with_bars(ax, replace(one, rows=rows), x, column, filled=filled)
                marks, there = marks + found, there or some
        ax.axhline(0, color=ink(), linewidth=stroke(0.6), zorder=1)
        ax.set_ylabel("Block output − stage output,\nover the latter's std")
        entries: Entries = [] if bare else [*(series_key(one) for one in series), *shading]
        entries += [(solid_key(), "standard deviation"), (open_key(), "mean"), *marks]
        entries += [bars_key("± 2 standard errors")] * there
        finish(ax, entries)
    return ax


def _on_axis(
    results: Results, columns: Sequence[str], order: Sequence[str], *, some: str = ""
) -> tuple[list[Series], list[np.ndarray], bool]:
    """Return the networks by block on one axis; those with a finite number in ``some`` only."""
    found = gather(results, name="readout", numbers=("block", *columns), order=order)
    if some:
        found = [one for one in found if np.isfinite(one.numbers(some)).any()]
    if not found:
        raise InputError(f"no network in the readout result has a {some} to draw")
    series = [replace(one, rows=one.rows.sort_values("block", kind="stable")) for one in found]
    if not all(np.isfinite(one.numbers("block")).all() for one in series):
        raise InputError("a row of the readout result names no block")
    positions, relative = on_one_axis([one.numbers("block") for one in series])
    return series, positions, relative


def _with_bars(
    ax: Axes, one: Series, x: np.ndarray, column: str, *, filled: bool
) -> tuple[Entries, bool]:
    """Draw values with two standard errors; return the diamonds' entry, and if there are bars."""
    y, error = one.numbers(column), 2 * one.numbers(f"{column}_se")
    draw_series(ax, one, x, y, filled=filled)
    bars = draw_bars(ax, one.style.colour, x, y - error, y + error)
    return draw_transitions(ax, one, x, y, filled=filled), bars
