"""Figures: one function per kind of result, from a Result to an Axes.

``plot(result)`` draws any result; ``figure(results)`` gives the whole figure with its small
print, ready for a page; ``save(figure, stem)`` writes it as PNG and SVG. Nothing is computed
here: what a figure shows stands in the result's frame, and only fractions become percent.
Several networks, in one frame or in several results, are overlaid; each has its own colour,
marker and line style, told apart by colour-blind readers and in grey. ``styled(look)`` lays a
reader's own style sheet over that of these figures. No setting of matplotlib is changed beyond
the call, and no figure is left with pyplot.
"""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from resprobe.errors import UsageError
from resprobe.figures.alignment import plot_alignment, plot_matrix
from resprobe.figures.decisions import plot_borderline, plot_decisions
from resprobe.figures.degradation import plot_degradation
from resprobe.figures.geometry import plot_singular_values, plot_spectrum, plot_stream
from resprobe.figures.gradflow import (
    plot_gradient_norm,
    plot_gradient_split,
    plot_identity_path,
)
from resprobe.figures.gradient_histograms import plot_gradient_histogram
from resprobe.figures.gradient_training import plot_gradient_heat, plot_gradient_training
from resprobe.figures.initialisation import (
    plot_branch_share,
    plot_gradient_correlation,
    plot_output_gradient,
    plot_signal_variance,
)
from resprobe.figures.kinds import kind_of, of_whole_frames
from resprobe.figures.landscape import plot_landscape, plot_landscape_line
from resprobe.figures.legend import share_legends
from resprobe.figures.lesion import plot_classes, plot_lesion
from resprobe.figures.look import styled
from resprobe.figures.magnitudes import plot_magnitude
from resprobe.figures.path_law import plot_path_law
from resprobe.figures.paths import plot_path_counts, plot_path_norms, plot_path_weights
from resprobe.figures.predictors import plot_correlations, plot_predictors
from resprobe.figures.provenance import add_footer, footer
from resprobe.figures.readouts import (
    plot_estimation_error,
    plot_readout,
    plot_readout_cosine,
)
from resprobe.figures.responses import plot_responses
from resprobe.figures.saving import save, svg_text
from resprobe.figures.series import Results, listed
from resprobe.figures.sheet import Sheet
from resprobe.figures.similarities import plot_similarity, plot_similarity_summary
from resprobe.figures.theme import COLUMN, PAGE, theme
from resprobe.figures.training import plot_training
from resprobe.figures.weights import plot_weight_gradients

__all__ = [
    "COLUMN",
    "PAGE",
    "figure",
    "footer",
    "plot",
    "plot_alignment",
    "plot_borderline",
    "plot_branch_share",
    "plot_classes",
    "plot_correlations",
    "plot_decisions",
    "plot_degradation",
    "plot_estimation_error",
    "plot_gradient_correlation",
    "plot_gradient_heat",
    "plot_gradient_histogram",
    "plot_gradient_norm",
    "plot_gradient_split",
    "plot_gradient_training",
    "plot_identity_path",
    "plot_landscape",
    "plot_landscape_line",
    "plot_lesion",
    "plot_magnitude",
    "plot_matrix",
    "plot_output_gradient",
    "plot_path_counts",
    "plot_path_law",
    "plot_path_norms",
    "plot_path_weights",
    "plot_predictors",
    "plot_readout",
    "plot_readout_cosine",
    "plot_responses",
    "plot_signal_variance",
    "plot_similarity",
    "plot_similarity_summary",
    "plot_singular_values",
    "plot_spectrum",
    "plot_stream",
    "plot_training",
    "plot_weight_gradients",
    "save",
    "styled",
    "svg_text",
]


def plot(result: Results, ax: Axes | None = None) -> Axes:
    """Draw a result of any kind, or several of one kind in the same axes.

    Parameters
    ----------
    result : Result, str or Path, or a sequence of them
        A result, or the path of its saved CSV file. The kind is the result's name, such as
        lesion, gradflow, magnitude or paths.
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
    if ax is None:
        return figure(result).axes[0]
    results = listed(result)
    kind = kind_of(results)
    with of_whole_frames(results):
        return kind.first(results, ax)


def figure(results: Results, *, width: float = PAGE, order: Sequence[str] = ()) -> Figure:
    """Make the whole figure of one kind of result, with its small print below.

    Gradient flow has two panels where any network has residual blocks: the norm along the
    depth, and its identity and residual parts; degradation one for the plain and one for the
    residual networks; paths three, for the number of paths, their norm and the product; pairs
    and scaled branches one for each network, as damage by class has.
    They stand side by side from 6 inches on, at most three.

    Parameters
    ----------
    results : Result, str or Path, or a sequence of them
        Results, or paths of saved CSV files; all of one kind.
    width : float
        Inches, from 3 to 20; ``COLUMN`` (3.5) and ``PAGE`` (7) are a journal's.
    order : sequence of str
        Networks that keep the colour of their place here, so that several figures agree.

    Returns
    -------
    Figure
        Not known to pyplot: it needs no closing. A notebook shows it.

    Raises
    ------
    InputError
        As :func:`plot`.
    UsageError
        If the width is out of range.
    """
    if not 3.0 <= width <= 20.0:
        raise UsageError(f"a figure is 3 to 20 inches wide; got {width}")
    results = listed(results)
    kind = kind_of(results)
    with of_whole_frames(results), theme():
        panels = kind.panels_of(results)
        columns = _side_by_side(len(panels)) if width >= 6 else 1
        rows = -(-len(panels) // columns)
        usual = 2.9 if width < 6 else 3.1
        height = rows * (kind.height_of(results, width / columns) or usual)
        made = Sheet(figsize=(width, height), layout="constrained")
        axes = made.subplots(rows, columns, squeeze=False)
        for draw, ax in zip(panels, axes.flat, strict=False):
            draw(results, ax, order=order)
        for spare in axes.flat[len(panels) :]:
            spare.remove()
        share_legends(made, list(axes.flat)[: len(panels)])
        add_footer(made, results)
        _make_room(made, rows)
        _lay_out(made)
    return made


def _side_by_side(panels: int) -> int:
    """Return how many panels share a row.

    Examples
    --------
    >>> [_side_by_side(panels) for panels in (1, 2, 3, 4, 5)]
    [1, 2, 3, 2, 3]
    """
    return 2 if panels == 4 else min(panels, 3)


def _make_room(made: Figure, rows: int) -> None:
    """Heighten a figure by what its legends and small print take beyond a line each."""
    high = _height_of([legend for ax in made.axes if (legend := ax.get_legend())], made)
    lines = made.get_supxlabel().count("\n")
    extra = rows * max(0.0, high - 0.12) + _height_of(made.legends, made) + 0.12 * lines
    made.set_figheight(float(made.get_figheight()) + extra)


def _lay_out(made: Figure) -> None:
    """Settle the layout: adapted at each drawing, a second file would differ from the first.

    With an engine that does nothing in its place, matplotlib would still draw each file twice.
    """
    engine = made.get_layout_engine()
    assert engine is not None, "a figure of ours has a layout that adapts"
    for _ in range(2):  # the second knows how high and wide the axes are
        engine.execute(made)
    made.set_layout_engine(None)


def _height_of(legends: Sequence[Legend], made: Figure) -> float:
    """Return the height in inches of the highest legend."""
    return max((legend.get_window_extent().height / made.dpi for legend in legends), default=0.0)
