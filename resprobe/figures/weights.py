"""How large the gradient of each layer's weight is, from the first layer to the last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes

from resprobe.errors import InputError
from resprobe.figures.marks import depth_axis, draw_on_log_axis, finish, series_key
from resprobe.figures.series import Results, Series, gather, on_one_axis
from resprobe.figures.theme import theme

__all__ = ["plot_weight_gradients"]


def plot_weight_gradients(results: Results, ax: Axes, *, order: Sequence[str] = ()) -> Axes:
    """Draw the norm of each convolution weight's gradient, on a logarithmic axis.

    Layers stand in the order of the frame. Convolutions are told by the column
    ``dimensions`` (3 or more) where the frame has it, else by "conv" in the name of the
    parameter, so biases, normalisation and the classifier are left out.

    Parameters
    ----------
    results : Result or sequence of Result
        Named "gradflow-weights".
    ax : Axes
        Where to draw.
    order : sequence of str
        Networks that keep the colour of their place here.

    Raises
    ------
    InputError
        If a result is no gradflow-weights result, is empty, or has no convolution.
    """
    series = [
        _convolutions(s)
        for s in gather(
            results,
            name="gradflow-weights",
            numbers=("gradient_norm",),
            texts=("parameter",),
            order=order,
        )
    ]
    indices = [np.arange(len(s.rows), dtype=float) for s in series]
    positions, relative = on_one_axis(indices)
    with theme():
        shading = depth_axis(ax, series, positions, relative=relative, what="convolution")
        entries = [series_key(s) for s in series]
        norms = [s.numbers("gradient_norm") for s in series]
        entries += draw_on_log_axis(ax, series, positions, norms)
        ax.set_ylabel("Gradient norm of the weight, ‖∂L/∂W‖₂")
        finish(ax, entries + shading)
    return ax


def _convolutions(series: Series) -> Series:
    name = series.rows["parameter"].astype(str)
    if "dimensions" in series.rows.columns:
        chosen = series.rows["dimensions"] >= 3
    else:
        chosen = name.str.contains("conv", case=False, regex=False) & name.str.endswith("weight")
    if not chosen.any():
        raise InputError(
            f"{series.label}: no parameter of the gradflow-weights result is a convolution's "
            "weight, so there is nothing to draw"
        )
    return replace(series, rows=series.rows[chosen])
