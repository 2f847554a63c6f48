"""Signals at initialisation along the depth, with the laws of random networks drawn through."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes

from resprobe.errors import InputError
from resprobe.figures.initialisation_parts import (
    axis_of_depth,
    bars,
    correlation_limits,
    gathered,
    laws,
    on_log_axis,
)
from resprobe.figures.keys import lost_key, series_key
from resprobe.figures.legend import finish
from resprobe.figures.marks import draw_series, draw_transitions, mark_bottom
from resprobe.figures.series import Results
from resprobe.figures.theme import theme

__all__ = [
    "initialisation_panels",
    "plot_branch_share",
    "plot_gradient_correlation",
    "plot_output_gradient",
    "plot_signal_variance",
]

Panel = Callable[..., Axes]


def initialisation_panels(results: Results) -> list[Panel]:
    """Return the panels: variance, share where there are branches, gradient norm, correlation."""
    found = gathered(results, ("block",), ())
    with_branches = any(np.isfinite(one.numbers("branch_share")).any() for one in found)
    share = [plot_branch_share] * with_branches
    return [plot_signal_variance, *share, plot_output_gradient, plot_gradient_correlation]


def plot_signal_variance(results: Results, ax: Axes, *, order: Sequence[str] = ()) -> Axes:
    """Draw the variance of each block's input, on a logarithmic axis.

    A law is drawn through the points of each stage: its first block has the shortcut variance v₀
    and the share s₀; from there on, each normalised branch adds the same variance, and without
    normalisation each multiplies by the same factor. Bars are one standard error over draws.

    Parameters
    ----------
    results : Result or sequence of Result
        Named "initialisation".
    ax : Axes
        Where to draw.
    order : sequence of str
        Networks that keep the colour of their place here.

    Raises
    ------
    InputError
        If a result is no initialisation result or is empty.

    References
    ----------
    De and Smith 2020, Fig. 1.
    """
    series = gathered(results, ("variance", "shortcut_variance_law"), order)
    names = {True: "law: v₀ (1 + s₀ l)", False: "law: v₀ (1 + s₀)^l"}
    with theme():
        positions, entries, shading = on_log_axis(ax, series, "variance")
        entries += laws(ax, series, positions, "shortcut_variance_law", names, by_stage=True)
        ax.set_ylabel("Variance of the block's input\nover images, mean over channels")
        finish(ax, entries + shading)
    return ax


def plot_branch_share(results: Results, ax: Axes, *, order: Sequence[str] = ()) -> Axes:
    """Draw each branch's variance over its shortcut's, on a logarithmic axis, with its law.

    Plain networks have none. A share of 0, of a block that begins as its shortcut, is marked at
    the lower edge.

    Parameters
    ----------
    results, ax, order
        As for :func:`plot_signal_variance`.

    Raises
    ------
    InputError
        As there, and if no network has branches.

    References
    ----------
    De and Smith 2020, section 2.
    """
    found = gathered(results, ("branch_share", "branch_share_law"), order)
    series = [one for one in found if np.isfinite(one.numbers("branch_share")).any()]
    if not series:
        raise InputError("no network in the initialisation result has residual branches")
    names = {True: "law: s₀ / (1 + s₀ l)", False: "law: s₀, constant"}
    with theme():
        positions, entries, shading = on_log_axis(ax, series, "branch_share")
        entries += laws(ax, series, positions, "branch_share_law", names, by_stage=True)
        ax.set_ylabel("Variance of the branch\nover that of the shortcut")
        finish(ax, entries + shading)
    return ax


def plot_output_gradient(results: Results, ax: Axes, *, order: Sequence[str] = ()) -> Axes:
    """Draw the norm of dy/dx at each block's input, on a logarithmic axis, with its law.

    y is a random combination of the logits. The law begins at the last block: 1.211 for each
    plain layer with BN; for residual blocks as much more as their branches' shares say.

    Parameters
    ----------
    results, ax, order
        As for :func:`plot_signal_variance`.

    Raises
    ------
    InputError
        As there.

    References
    ----------
    Yang et al. 2019, "A Mean Field Theory of Batch Normalization".
    """
    series = gathered(results, ("gradient_norm", "gradient_norm_law"), order)
    names = dict.fromkeys((True, False), "law, from the last block")
    with theme():
        positions, entries, shading = on_log_axis(ax, series, "gradient_norm")
        entries += laws(ax, series, positions, "gradient_norm_law", names)
        ax.set_ylabel("Gradient norm at the block's input,\n‖∂y/∂x‖₂, root mean square")
        finish(ax, entries + shading)
    return ax


def plot_gradient_correlation(results: Results, ax: Axes, *, order: Sequence[str] = ()) -> Axes:
    """Draw how alike the gradients of different images are at each block's input.

    1 where all images have the same gradient, 0 where gradients are shattered. The law is that of
    the ideal random network of the same depth.

    Parameters
    ----------
    results, ax, order
        As for :func:`plot_signal_variance`.

    Raises
    ------
    InputError
        As there.

    References
    ----------
    Balduzzi et al. 2017, Figs. 1 and 2 and theorems 1 to 3.
    """
    columns = ("gradient_correlation", "gradient_correlation_law")
    series = gathered(results, columns, order)
    with theme():
        positions, shading = axis_of_depth(ax, series)
        entries = [series_key(one) for one in series]
        missing = False
        for one, x in zip(series, positions, strict=True):
            y = one.numbers("gradient_correlation")
            draw_series(ax, one, x, y)
            entries += draw_transitions(ax, one, x, y)
            mark_bottom(ax, one, x[~np.isfinite(y)], marker="x")
            missing = missing or not np.isfinite(y).all()
        ax.set_ylim(*correlation_limits([one.numbers("gradient_correlation") for one in series]))
        entries += bars(ax, series, positions, "gradient_correlation")
        names = dict.fromkeys((True, False), "law of random networks")
        entries += laws(ax, series, positions, "gradient_correlation_law", names)
        if missing:
            entries.append(lost_key("no gradient"))
        ax.set_ylabel("Correlation of the gradients of\ndifferent images, at the block's input")
        finish(ax, entries + shading)
    return ax
