"""Figures: one function per kind of result, from a Result to an Axes.

``plot(result)`` draws any result; ``figure(results)`` gives the whole figure with its small
print, ready for a page; ``save(figure, stem)`` writes it as PNG and SVG. Nothing is computed
here: what a figure shows stands in the result's frame, and only fractions become percent.
Several networks, in one frame or in several results, are overlaid; each has its own colour,
marker and line style, told apart by colour-blind readers and in grey. No setting of
matplotlib is changed beyond the call, and no figure is left with pyplot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from resprobe.errors import InputError, UsageError
from resprobe.figures.degradation import families, plot_degradation
from resprobe.figures.gradflow import (
    has_residual_blocks,
    plot_gradient_norm,
    plot_gradient_split,
)
from resprobe.figures.lesion import plot_lesion
from resprobe.figures.provenance import add_footer, footer
from resprobe.figures.saving import save, svg_text
from resprobe.figures.series import Results, listed
from resprobe.figures.theme import COLUMN, PAGE, theme
from resprobe.figures.training import plot_training
from resprobe.figures.weights import plot_weight_gradients

__all__ = [
    "COLUMN",
    "PAGE",
    "figure",
    "footer",
    "plot",
    "plot_degradation",
    "plot_gradient_norm",
    "plot_gradient_split",
    "plot_lesion",
    "plot_training",
    "plot_weight_gradients",
    "save",
    "svg_text",
]

_FIRST_PANEL: dict[str, Callable[..., Axes]] = {
    "lesion": plot_lesion,
    "gradflow": plot_gradient_norm,
    "gradflow-weights": plot_weight_gradients,
    "train": plot_training,
    "degradation": plot_degradation,
}


def plot(result: Results, ax: Axes | None = None) -> Axes:
    """Draw a result of any kind, or several of one kind in the same axes.

    Parameters
    ----------
    result : Result or sequence of Result
        The kind is the result's name: lesion, gradflow, gradflow-weights, train or
        degradation.
    ax : Axes, optional
        Where to draw. Without it a whole figure is made, as :func:`figure` does.

    Returns
    -------
    Axes
        ``ax``, or the first axes of the new figure (``plot(result).figure``).

    Raises
    ------
    InputError
        If the kind is unknown, kinds are mixed, or there is nothing to draw.

    Examples
    --------
    >>> import pandas as pd
    >>> from resprobe.results import Result
    >>> frame = pd.DataFrame({"network": "resnet8", "block": [0, 1, 2], "kind": "identity",
    ...     "input": [3.0, 2.0, 1.0], "identity": [2.0, 1.5, 1.0], "residual": [2.0, 1.0, 0.5]})
    >>> ax = plot(Result("gradflow", frame))
    >>> ax.lines[0].get_ydata().tolist()
    [3.0, 2.0, 1.0]
    """
    return figure(result).axes[0] if ax is None else _panels(result)[0](result, ax)


def figure(results: Results, *, width: float = PAGE, order: Sequence[str] = ()) -> Figure:
    """Make the whole figure of one kind of result, with its small print below.

    Gradient flow has two panels where any network has residual blocks: the norm along the
    depth, and its identity and residual parts; degradation one for the plain and one for the
    residual networks. They stand side by side from 6 inches on.

    Parameters
    ----------
    results : Result or sequence of Result
        All of one kind.
    width : float
        Inches, from 3 to 20; ``COLUMN`` (3.5) and ``PAGE`` (7) are a journal's.
    order : sequence of str
        Networks that keep the colour of their place here, so that several figures agree.

    Returns
    -------
    Figure
        Not known to pyplot: it needs no closing.

    Raises
    ------
    InputError
        As :func:`plot`.
    UsageError
        If the width is out of range.
    """
    if not 3.0 <= width <= 20.0:
        raise UsageError(f"a figure is 3 to 20 inches wide; got {width}")
    panels = _panels(results)
    rows, columns = (1, len(panels)) if width >= 6 else (len(panels), 1)
    with theme():
        made = Figure(figsize=(width, rows * (3.1 if width >= 6 else 2.9)), layout="constrained")
        axes = made.subplots(rows, columns, squeeze=False)
        for draw, ax in zip(panels, axes.flat, strict=True):
            draw(results, ax, order=order)
        add_footer(made, results)
        _make_room(made, rows)
    return made


def _make_room(made: Figure, rows: int) -> None:
    """Heighten a figure by what its legends and small print take beyond two lines and one."""
    legends = [legend for ax in made.axes if (legend := ax.get_legend())]
    tallest = max((legend.get_window_extent().height / made.dpi for legend in legends), default=0)
    lines = made.get_supxlabel().count("\n")
    extra = rows * max(0.0, tallest - 0.3) + 0.12 * lines
    made.set_figheight(float(made.get_figheight()) + extra)


def _panels(results: Results) -> list[Callable[..., Axes]]:
    name = listed(results)[0].name
    if name not in _FIRST_PANEL:
        raise InputError(
            f"no figure draws a result named '{name}'; known: {', '.join(_FIRST_PANEL)}"
        )
    first = _FIRST_PANEL[name]
    if name == "gradflow" and has_residual_blocks(results):
        return [first, plot_gradient_split]
    if name == "degradation":
        return [partial(plot_degradation, residual=residual) for residual in families(results)]
    return [first]
