"""How large the gradient of each layer's weight is, from the first layer to the last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from resprobe.errors import InputError
from resprobe.figures.depth import depth_axis, draw_on_log_axis
from resprobe.figures.keys import series_key
from resprobe.figures.legend import finish
from resprobe.figures.series import Results, Series, gather, on_one_axis
from resprobe.figures.theme import theme

__all__ = ["plot_weight_gradients"]

BESIDE = {"downsample": "projections", "gate": "gates"}
"""Parts of a parameter's name that tell a layer beside the path of depth, and what it is."""


def plot_weight_gradients(results: Results, ax: Axes, *, order: Sequence[str] = ()) -> Axes:
    """Draw the norm of the gradient of each weighted layer, on a logarithmic axis.

    Layers stand in the order of the frame: convolutions and linear layers, the classifier
    among them. They are told by the parameter's name, which ends in "weight", and by the
    column ``dimensions`` (2 or more), so biases, normalisation, class tokens and position
    embeddings are left out; in a frame without that column, by "conv" in the name, so the
    linear layers are left out too. Projections and gates stand beside the path of depth, not on
    it: they are left out of the line, and the axis says so.

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
        If a result is no gradflow-weights result, is empty, or has no weighted layer.
    """
    every = [
        _weights(s)
        for s in gather(
            results,
            name="gradflow-weights",
            numbers=("gradient_norm",),
            texts=("parameter",),
            order=order,
        )
    ]
    beside = [_kinds_beside(s) for s in every]
    series = [replace(s, rows=s.rows[kind == ""]) for s, kind in zip(every, beside, strict=True)]
    for one in series:
        if one.rows.empty:
            raise InputError(
                f"{one.label}: no parameter of the gradflow-weights result is the weight of a "
                "layer on the path of depth, so there is nothing to draw"
            )
    indices = [np.arange(len(s.rows), dtype=float) for s in series]
    positions, relative = on_one_axis(indices)
    with theme():
        shading = depth_axis(ax, series, positions, relative=relative, what="weighted layer")
        _say_what_is_left_out(ax, {kind for kinds in beside for kind in kinds if kind})
        entries = [series_key(s) for s in series]
        norms = [s.numbers("gradient_norm") for s in series]
        entries += draw_on_log_axis(ax, series, positions, norms)
        ax.set_ylabel("Gradient norm of the weight, ‖∂L/∂W‖₂")
        finish(ax, entries + shading)
    return ax


def _weights(series: Series) -> Series:
    name = series.rows["parameter"].astype(str)
    if "dimensions" in series.rows.columns:
        chosen = series.rows["dimensions"] >= 2
    else:
        chosen = name.str.contains("conv", case=False, regex=False)
    chosen &= name.str.endswith("weight")
    return replace(series, rows=series.rows[chosen])


def _kinds_beside(series: Series) -> pd.Series[str]:
    """Return what each layer is that lies beside the path of depth; "" for those on it.

    Between two blocks stands no projection, whatever the layer is called: in some transformers
    ``downsample`` is a step of the path itself.
    """
    name = series.rows["parameter"].astype(str)
    inside = series.rows["block"] >= 0 if "block" in series.rows.columns else True
    kinds = pd.Series("", index=series.rows.index)
    for part, kind in BESIDE.items():
        kinds[name.str.contains(f".{part}.", regex=False) & inside] = kind
    return kinds


def _say_what_is_left_out(ax: Axes, kinds: set[str]) -> None:
    if kinds:
        said = f"; without {' and '.join(sorted(kinds, reverse=True))})"
        ax.set_xlabel(ax.get_xlabel().removesuffix(")") + said)
