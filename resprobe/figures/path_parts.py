"""What the panels of path lengths share: which rows to draw, and the axis of lengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from resprobe.errors import InputError
from resprobe.figures.series import Results, Series, gather, on_one_axis

__all__ = [
    "NUMBERS",
    "RELATIVE",
    "SINGLE",
    "TEXTS",
    "PathSeries",
    "length_axis",
    "path_series",
    "title_of",
]

NUMBERS = (
    "length", "paths_share", "weight", "projection", "rms", "rms_se", "norm", "norm_se", "average",
)  # fmt: skip
TEXTS = ("method", "transitions", "effective")
SINGLE = {"rms": "rms", "sampled": "norm", "exact": "average"}  # the first there is leads
RELATIVE = "Branches on the path over blocks"
"""The label of the axis of lengths where networks of different depth share it."""
TITLES = {"counted": "transitions counted", "apart": "transitions run whole"}


@dataclass(frozen=True)
class PathSeries:
    """One network's rows of one method, where it stands on the axis, and whether it leads."""

    series: Series
    method: str
    leads: bool
    x: np.ndarray

    def numbers(self, column: str) -> np.ndarray:
        """Return one column as float64, shape (lengths,)."""
        return self.series.numbers(column)

    @property
    def effective(self) -> np.ndarray:
        """Which lengths are effective."""
        return self.series.rows["effective"].to_numpy(dtype=bool)


def path_series(
    results: Results, transitions: str, order: Sequence[str]
) -> tuple[list[PathSeries], bool]:
    """Return one entry per network and method, and whether lengths are relative."""
    found = gather(results, name="paths", numbers=NUMBERS, texts=TEXTS, order=order)
    wanted = transitions or str(found[0].rows["transitions"].iloc[0])
    parts: list[tuple[Series, str, bool]] = []
    for one in found:
        rows = one.rows[one.rows["transitions"] == wanted].sort_values("length", kind="stable")
        there = [method for method in SINGLE if (rows["method"] == method).any()]
        for method in there:
            series = Series(one.network, one.label, rows[rows["method"] == method], one.style)
            parts.append((series, method, method == there[0]))
    if not parts:
        raise InputError(f"the paths result has no rows with transitions '{wanted}' to draw")
    positions, relative = on_one_axis([series.numbers("length") for series, _, _ in parts])
    networks = [PathSeries(*part, x) for part, x in zip(parts, positions, strict=True)]
    return networks, relative


def title_of(networks: Sequence[PathSeries]) -> str:
    """Name the choice for transitions, where a network has any."""
    return TITLES.get(str(networks[0].series.rows["transitions"].iloc[0]), "")


def length_axis(ax: Axes, networks: Sequence[PathSeries], *, relative: bool) -> None:
    """Set up the axis of lengths."""
    ax.set_xlabel(RELATIVE if relative else "Branches on the path")
    last = max(float(network.x.max()) for network in networks)
    ax.set_xlim((-0.03, 1.03) if relative else (-0.04 * last - 0.1, 1.04 * last + 0.1))
    if not relative:
        ax.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
    ax.grid(visible=False, axis="x")
