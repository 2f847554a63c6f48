"""What lesions do to the error: one figure for each study.

Networks of all kinds share axes, so that the contrast is one figure; heat maps and scaled
branches have a panel for each. Images without labels are drawn by how often the answer differs
from the intact network's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from matplotlib.axes import Axes

from resprobe.figures.lesion.by_hand import plot_by_hand
from resprobe.figures.lesion.classes import class_panels, plot_classes
from resprobe.figures.lesion.draws import plot_random, plot_shuffle
from resprobe.figures.lesion.greedy import plot_greedy
from resprobe.figures.lesion.heat import panels_of
from resprobe.figures.lesion.pairs import plot_pairs
from resprobe.figures.lesion.reading import networks, study_of
from resprobe.figures.lesion.repeat import plot_repeat
from resprobe.figures.lesion.scale import plot_scale
from resprobe.figures.lesion.single import plot_single
from resprobe.figures.series import Results

__all__ = ["classes_panels", "lesion_height", "lesion_panels", "plot_classes", "plot_lesion"]

_IN_ONE_AXES: dict[str, Callable[..., Axes]] = {
    "single": plot_single,
    "layers": partial(plot_single, what="block or layer"),
    "random": plot_random,
    "shuffle": plot_shuffle,
    "greedy": plot_greedy,
    "repeat": plot_repeat,
    "by-hand": plot_by_hand,
}
_IN_PANELS: dict[str, Callable[..., Axes]] = {"pairs": plot_pairs, "scale": plot_scale}


def plot_lesion(results: Results, ax: Axes, *, order: Sequence[str] = ()) -> Axes:
    """Draw a lesion study, in percent, networks overlaid.

    Single deletions (Veit Fig. 3): the error over the deleted block. Bars are the intervals of
    the frame (Wilson), a dashed line is the intact network, a dotted line chance (where
    ``meta`` tells the number of classes). Transitions are open diamonds. A block that cannot be
    deleted is a cross at the lower edge. Networks of different depth share a relative axis.
    Where there are recalibrated figures they stand beside as light open marks. Random deletions
    (Fig. 5a) are drawn over their number, orders (Fig. 5b) over Kendall's tau, greedy ones over
    the number dropped, repetitions over the block, lesions by hand in their order. Pairs are
    a heat map of the interaction, and scaled branches a line per block. Lesions by hand, pairs
    and scaled branches take one network at a time here.

    Parameters
    ----------
    results : Result or sequence of Result
        Named "lesion", of one study.
    ax : Axes
        Where to draw.
    order : sequence of str
        Networks that keep the colour of their place here.

    Raises
    ------
    InputError
        If a result is no lesion result, is empty, is of another study than the others, or has
        several networks where each needs a panel.

    References
    ----------
    A. Veit, M. Wilber, S. Belongie, "Residual networks behave like ensembles of relatively
    shallow networks", NIPS 2016, Figs. 3 and 5.
    """
    study = study_of(results)
    draw = _IN_ONE_AXES.get(study) or _IN_PANELS[study]
    return draw(results, ax, order=order)


def lesion_panels(results: Results) -> list[Callable[..., Axes]]:
    """Return what draws each panel of a figure of a lesion study."""
    study = study_of(results)
    if study in _IN_ONE_AXES:
        return [plot_lesion]
    count = len(panels_of(networks(results)).every)
    return [partial(_IN_PANELS[study], panel=panel) for panel in range(count)]


def classes_panels(results: Results) -> list[Callable[..., Axes]]:
    """Return what draws each panel of a figure of damage by class."""
    return [partial(plot_classes, panel=panel) for panel in range(len(class_panels(results)))]


def lesion_height(results: Results, width: float) -> float | None:
    """Return how high a panel of so many inches is best, where that matters: pairs are square."""
    return 0.75 * min(7.0, width) + 0.9 if study_of(results) == "pairs" else None
