"""How large the gradient is along the depth, and on which path it comes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes

from resprobe.errors import InputError
from resprobe.figures.depth import depth_axis, draw_on_log_axis
from resprobe.figures.keys import Entries, bars_key, open_key, series_key, solid_key
from resprobe.figures.legend import finish
from resprobe.figures.marks import draw_bars
from resprobe.figures.series import Results, Series, gather, listed, on_one_axis
from resprobe.figures.theme import theme

__all__ = [
    "has_identity_path",
    "has_residual_blocks",
    "plot_gradient_norm",
    "plot_gradient_split",
    "plot_identity_path",
]

SPLIT = ("block", "identity", "residual")


def plot_gradient_norm(results: Results, ax: Axes, *, order: Sequence[str] = ()) -> Axes:
    """Draw the norm of the gradient at each block's input, on a logarithmic axis.

    One line per network; networks of different depth share a relative axis. A norm of
    exactly 0, or one that is not finite, has no place on the axis and is marked at the lower
    edge. Bars are one standard error (column ``input_se``, where the frame has it).

    Parameters
    ----------
    results : Result or sequence of Result
        Named "gradflow".
    ax : Axes
        Where to draw.
    order : sequence of str
        Networks that keep the colour of their place here.

    Raises
    ------
    InputError
        If a result is no gradflow result or is empty.
    """
    series = _by_block(gather(results, name="gradflow", numbers=("block", "input"), order=order))
    positions, relative = on_one_axis([s.numbers("block") for s in series])
    with theme():
        shading = depth_axis(ax, series, positions, relative=relative, what="block")
        norms = [s.numbers("input") for s in series]
        entries = [series_key(s) for s in series]
        entries += draw_on_log_axis(ax, series, positions, norms)
        entries += _whiskers(ax, series, positions, ("input",))
        ax.set_ylabel("Gradient norm at the block's input,\nmean ‖∂L/∂x‖₂ per image")
        finish(ax, entries + shading)
    return ax


def plot_gradient_split(
    results: Results, ax: Axes, *, bare: bool = False, order: Sequence[str] = ()
) -> Axes:
    """Draw the identity part and the residual part of the gradient at each block's input.

    Only networks with residual blocks have the two parts; plain networks are left out, as
    the legend shows. Bars are one standard error (columns ``*_se``, where the frame has them).
    The two vectors add up to the gradient; their norms need not.

    Parameters
    ----------
    results : Result or sequence of Result
        Named "gradflow".
    ax : Axes
        Where to draw.
    bare : bool
        Whether the names of the networks are left to another panel.
    order : sequence of str
        Networks that keep the colour of their place here.

    Raises
    ------
    InputError
        If a result is no gradflow result, is empty, or has no residual blocks.

    References
    ----------
    K. He et al., "Identity mappings in deep residual networks", ECCV 2016, Eq. 5.
    """
    found = gather(results, name="gradflow", numbers=SPLIT, texts=("kind",), order=order)
    series = _by_block([one for one in found if not one.is_plain])
    if not series:
        raise InputError(
            "no network in the gradflow result has residual blocks to split a gradient at"
        )
    positions, relative = on_one_axis([s.numbers("block") for s in series])
    with theme():
        shading = depth_axis(ax, series, positions, relative=relative, what="block")
        identity = [s.numbers("identity") for s in series]
        residual = [s.numbers("residual") for s in series]
        marks = draw_on_log_axis(ax, series, positions, identity, beside=residual)
        marks += _whiskers(ax, series, positions, ("identity", "residual"))
        ax.set_ylabel("Norm of the gradient's two parts,\nmean per image")
        names = [] if bare else [series_key(s) for s in series]
        finish(ax, names + _key_of_parts() + marks + ([] if bare else shading))
    return ax


def plot_identity_path(
    results: Results, ax: Axes, *, bare: bool = False, order: Sequence[str] = ()
) -> Axes:
    """Draw the gradient of the identity path beside the whole, at each block's input.

    Filled marks and lines are what comes from the last block by shortcuts alone, open marks the
    whole gradient. Plain networks, which have no such path, are left out. Bars are one standard
    error.

    Parameters
    ----------
    results : Result or sequence of Result
        Named "gradflow".
    ax : Axes
        Where to draw.
    bare : bool
        Whether the names of the networks are left to another panel.
    order : sequence of str
        Networks that keep the colour of their place here.

    Raises
    ------
    InputError
        If a result is no gradflow result, is empty, or has an identity path for no network.

    References
    ----------
    K. He et al., "Identity mappings in deep residual networks", ECCV 2016, Eqs. 5 and 8.
    """
    columns = ("block", "input", "identity_path")
    found = gather(results, name="gradflow", numbers=columns, order=order)
    series = _by_block([one for one in found if not np.isnan(one.numbers(columns[2])).all()])
    if not series:
        raise InputError("no network in the gradflow result has an identity path")
    positions, relative = on_one_axis([s.numbers("block") for s in series])
    with theme():
        shading = depth_axis(ax, series, positions, relative=relative, what="block")
        path, whole = ([s.numbers(name) for s in series] for name in ("identity_path", "input"))
        marks = draw_on_log_axis(ax, series, positions, path, beside=whole)
        marks += _whiskers(ax, series, positions, ("identity_path",))
        ax.set_ylabel("Gradient norm by shortcuts alone,\nmean per image")
        parts: Entries = [
            (solid_key(), "by shortcuts alone"),
            (open_key(), "whole gradient"),
        ]
        names = [] if bare else [series_key(s) for s in series]
        finish(ax, names + parts + marks + ([] if bare else shading))
    return ax


def has_identity_path(results: Results) -> bool:
    """Tell whether any network in the gradflow results has one."""
    return any(
        "identity_path" in result.frame and result.frame["identity_path"].notna().any()
        for result in listed(results)
    )


def has_residual_blocks(results: Results) -> bool:
    """Tell whether any network in the gradflow results has residual blocks."""
    found = gather(results, name="gradflow", numbers=("block",), texts=("kind",))
    return any(not series.is_plain for series in found)


def _by_block(series: Sequence[Series]) -> list[Series]:
    for one in series:
        if not np.isfinite(one.numbers("block")).all():
            raise InputError(f"{one.label}: a row of the gradflow result names no block")
    return [replace(one, rows=one.rows.sort_values("block", kind="stable")) for one in series]


def _whiskers(
    ax: Axes, series: Sequence[Series], positions: Sequence[np.ndarray], columns: Sequence[str]
) -> Entries:
    """Draw one standard error to each side, where the frame has them."""
    there = [
        draw_bars(ax, one.style.colour, x, norm - error, norm + error)
        for one, x in zip(series, positions, strict=True)
        for column in columns
        if f"{column}_se" in one.rows.columns
        for norm, error in [(one.numbers(column), one.numbers(f"{column}_se"))]
    ]
    return [bars_key("± standard error")] if any(there) else []


def _key_of_parts() -> Entries:
    return [
        (solid_key(), "identity part"),
        (open_key(), "residual part"),
    ]
