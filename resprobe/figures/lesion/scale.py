"""What the error becomes when the branch of one block is made smaller or larger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.ticker import MaxNLocator

from resprobe.figures.keys import Entries, key
from resprobe.figures.legend import finish
from resprobe.figures.lesion.heat import colour_bar, name_of, panels_of
from resprobe.figures.lesion.measure import limits_and_chance
from resprobe.figures.lesion.parts import DASHED
from resprobe.figures.lesion.reading import Network, networks
from resprobe.figures.series import Results
from resprobe.figures.theme import drawn, ink, muted, paper, stroke, theme

__all__ = ["plot_scale"]

# without the yellow end, which a line on white does not show
_COLOURS = ListedColormap(colormaps["viridis"](np.linspace(0.0, 0.85, 256)))


def plot_scale(
    results: Results, ax: Axes, *, panel: int | None = None, order: Sequence[str] = ()
) -> Axes:
    """Draw the error against the factor of the branch, a line per block, coloured by depth.

    Transitions are dashed. At 0 the block is deleted, at 1 the network is intact.

    Parameters
    ----------
    results : Result or sequence of Result
        Of the study "scale".
    ax : Axes
        Where to draw.
    panel : int, optional
        Which network and statistics of BatchNorm, where there are several.
    order : sequence of str
        Networks that keep the colour of their place here.
    """
    every = networks(results, numbers=("alpha",), order=order)
    network, rows = panels_of(every).pick(panel)
    measure = network.measure
    with theme():
        blocks = rows["blocks"].astype(int)
        norm = Normalize(0, max(1, int(blocks.max())))
        for block, some in rows.groupby(blocks):
            _draw_block(ax, network, some, _COLOURS(norm(block)))
        ax.axvline(1, color=muted(), linewidth=stroke(0.6), zorder=1.5)
        entries: Entries = []
        intact = network.intact_value()
        if np.isfinite(intact) and measure.labelled:
            ax.axhline(intact, color=ink(), linestyle=DASHED, linewidth=0.8, zorder=2)
            entries.append((key(linestyle=DASHED, linewidth=0.8), "intact"))
        entries += _key_of_blocks(network, rows)
        values = [measure.of(one.rows) for one in every]
        values += [measure.of(one.recalibrated) for one in every]
        entries += limits_and_chance(ax, values, measure, [network.classes])
        colour_bar(ax, norm, _COLOURS, "block").locator = MaxNLocator(integer=True)
        ax.set_xlabel("Factor of the branch")
        ax.grid(visible=False, axis="x")
        ax.set_ylabel(drawn(f"{measure.title(results)} (%)"))
        finish(ax, entries, title=name_of(network, rows))
    return ax


def _draw_block(ax: Axes, network: Network, rows: pd.DataFrame, colour: Any) -> None:
    rows = rows.sort_values("alpha")
    if not rows["deletable"].any():
        return
    transition = bool(network.is_transition(rows).any())
    ax.plot(
        rows["alpha"],
        network.measure.of(rows),
        color=colour,
        linestyle=(0, (4, 1.5)) if transition else "-",
        linewidth=stroke(1.3 if transition else 0.9),
        marker="D" if transition else ".",
        markersize=3.0,
        markerfacecolor=paper() if transition else colour,
        zorder=3 if transition else 2.5,
    )


def _key_of_blocks(network: Network, rows: pd.DataFrame) -> Entries:
    entries: Entries = [(key(linestyle="-", marker=".", linewidth=0.9), "identity block")]
    if network.is_transition(rows).any():
        look = key(linestyle=(0, (4, 1.5)), marker="D", markersize=3, markerfacecolor=paper())
        entries.append((look, "transition"))
    fixed = rows[~rows["deletable"].astype(bool)]["blocks"].nunique()
    if fixed:
        entries.append((key(), f"not scalable: {fixed} block{'s' * (fixed > 1)}"))
    return entries
