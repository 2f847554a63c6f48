"""How the directions of each block fit those of the others: heat maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.patches import Patch

from resprobe.figures.keys import Entries
from resprobe.figures.legend import finish
from resprobe.figures.lesion.heat import colour_bar, picked, tick_texts
from resprobe.figures.series import Results, gather
from resprobe.figures.theme import faint, paper, theme

__all__ = [
    "alignment_height",
    "alignment_panels",
    "matrix_panels",
    "plot_alignment",
    "plot_matrix",
]

SCORES = {
    "diagonal": "On the diagonal, share of squares",
    "captured": "Between the directions, share",
}
_PAIRS = ("block", "directions", "stage", "diagonal", "captured", "k")
_CELLS = ("stage", "row", "column", "value")


def alignment_panels(results: Results) -> list[Callable[..., Axes]]:
    """Return a panel for each score of each network, score by score."""
    networks = range(len(gather(results, name="geometry-alignment", numbers=_PAIRS)))
    return [
        partial(plot_alignment, panel=panel, score=score) for score in SCORES for panel in networks
    ]


def alignment_height(results: Results, width: float) -> float | None:
    """Return how high a panel of so many inches is best: it is square beside its colour bar."""
    del results
    return 0.72 * min(6.0, width) + 0.75


def plot_alignment(
    results: Results,
    ax: Axes,
    *,
    panel: int | None = None,
    score: str = "diagonal",
    order: Sequence[str] = (),
) -> Axes:
    """Draw a score of M = U_j^T J_i V_j for every pair of identity blocks of a stage.

    ``diagonal`` is the share of M's squares on its diagonal: 1 where block i passes the
    directions of block j on unmixed, 1/k for random directions. ``captured`` is the share of
    block i's k largest squared singular values that lies between j's directions. Blocks of
    different stages are not compared, and grey.

    Parameters
    ----------
    results : Result or sequence of Result
        Named "geometry-alignment".
    ax : Axes
        Where to draw.
    panel : int, optional
        Which network, where there are several.
    score : str
        ``diagonal`` or ``captured``.
    order : sequence of str
        Networks that keep the colour of their place here.

    Raises
    ------
    InputError
        If a result is no such result or is empty, or there are several networks and none is
        chosen.
    """
    every = gather(results, name="geometry-alignment", numbers=_PAIRS, order=order)
    one = picked(every, panel)
    blocks = sorted({int(block) for block in one.numbers("block")})
    place = {block: number for number, block in enumerate(blocks)}
    values = np.full((len(blocks), len(blocks)), np.nan)
    apart = np.ones_like(values, dtype=bool)
    for i, j, value in zip(
        one.numbers("block"), one.numbers("directions"), one.numbers(score), strict=True
    ):
        values[place[int(i)], place[int(j)]] = value
        apart[place[int(i)], place[int(j)]] = False
    with theme():
        _heat(ax, values, 1.0, SCORES[score])
        names = [str(block) for block in blocks]
        tick_texts(ax, "x", names)
        tick_texts(ax, "y", names)
        ax.set_xlabel("Block whose directions are taken")
        ax.set_ylabel("Block whose Jacobian it is")
        entries: Entries = []
        if apart.any():
            entries.append((Patch(facecolor=faint(), linewidth=0), "other stage"))
        k, least = int(one.numbers("k").max()), 1 / one.numbers("k").max()
        chance = f", chance 1/{k} = {least:.2f}" if score == "diagonal" else ""
        finish(ax, entries, title=f"{one.label}{chance}")
    return ax


def matrix_panels(results: Results) -> list[Callable[..., Axes]]:
    """Return a panel for each stage of each network."""
    every = gather(results, name="geometry-matrices", numbers=_CELLS)
    return [
        partial(plot_matrix, panel=panel, stage=int(stage))
        for panel, one in enumerate(every)
        for stage in dict.fromkeys(one.numbers("stage"))
    ]


def plot_matrix(
    results: Results,
    ax: Axes,
    *,
    panel: int | None = None,
    stage: int | None = None,
    order: Sequence[str] = (),
) -> Axes:
    """Draw |U_j^T J_i V_j| over J_i's largest singular value, mean over pairs and images.

    A diagonal says that blocks share their singular directions (property RA2; Li and Papyan
    2023, figure 3); a flat matrix, that they do not. All panels have one scale.

    Parameters
    ----------
    results : Result or sequence of Result
        Named "geometry-matrices".
    ax : Axes
        Where to draw.
    panel, stage : int, optional
        Which network, and which of its stages; the first one by default.
    order : sequence of str
        Networks that keep the colour of their place here.

    Raises
    ------
    InputError
        If a result is no such result or is empty, or there are several networks and none is
        chosen.
    """
    every = gather(results, name="geometry-matrices", numbers=_CELLS, order=order)
    one = picked(every, panel)
    shown = one.numbers("stage")[0] if stage is None else stage
    rows = one.rows[one.rows["stage"] == shown]
    values = rows.pivot(index="row", columns="column", values="value").to_numpy()
    largest = np.concatenate([other.numbers("value") for other in every])
    limit = float(np.nan_to_num(largest).max()) or 1.0
    with theme():
        _heat(ax, values, limit, "Mean, over the largest singular value")
        numbers = [str(number + 1) for number in range(len(values))]
        tick_texts(ax, "x", numbers)
        tick_texts(ax, "y", numbers)
        ax.set_xlabel("Right singular vector")
        ax.set_ylabel("Left singular vector")
        finish(ax, [], title=f"{one.label}, stage {shown:.0f}")
    return ax


def _heat(ax: Axes, values: np.ndarray, limit: float, label: str) -> None:
    colours, scale = colormaps["viridis"].with_extremes(bad=faint()), Normalize(0, limit)
    ax.set_facecolor(paper())
    ax.imshow(
        np.ma.masked_invalid(values), cmap=colours, norm=scale, aspect="equal",
        interpolation="nearest", zorder=1,
    )  # fmt: skip
    ax.grid(visible=False)
    colour_bar(ax, scale, colours, label)
