"""What a figure's points say when they are pointed at: where they are, and their values."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from resprobe.figures.path_parts import RELATIVE
from resprobe.figures.responses import RANKED
from resprobe.figures.series import Results, gather, listed
from resprobe.figures.theme import paper

__all__ = ["Curve", "curves"]

_NUMBERED = {
    "lesion": "blocks",
    "gradflow": "block",
    "magnitude": "block",
    "readout": "block",
    "readout-decisions": "block",
    "paths": "length",
}
"""The column whose largest value a relative axis ends with."""
_UNLABELLED = re.compile(r"_child\d+")
"""What matplotlib calls a line that was given no label."""
_SAID = {"train_error": "training error", "validation_error": "validation error"}


@dataclass(frozen=True)
class Curve:
    """One line of a figure.

    Attributes
    ----------
    label : str
        What its legend says.
    quantity : str
        What its values are: the label of their axis.
    points : tuple of (float, float, str)
        Of every point that is drawn: x and y in the units of the SVG's ``viewBox``, which begin
        at the upper left, and its values in words.
    """

    label: str
    quantity: str
    points: tuple[tuple[float, float, str], ...]


def curves(figure: Figure, results: Results) -> list[Curve]:
    """Return the labelled lines of a figure that has been drawn or saved.

    Parameters
    ----------
    figure : Figure
        From :func:`resprobe.figures.figure`, saved once so that its layout is done.
    results : Result or sequence of Result
        What it shows: they know which block stands at which part of a relative axis.

    Returns
    -------
    list of Curve
        In the order of the panels; lines without a label (whiskers, marks) are left out.

    Examples
    --------
    >>> import pandas as pd
    >>> from resprobe.figures import figure, svg_text
    >>> from resprobe.results import Result
    >>> frame = pd.DataFrame({"network": "resnet8", "block": [0, 1, 2], "kind": "identity",
    ...     "input": [3.0, 2.0, 1.0], "identity": [2.0, 1.5, 1.0], "residual": [2.0, 1.0, 0.5]})
    >>> made = figure(flow := Result("gradflow", frame))
    >>> text = svg_text(made, salt="a")
    >>> curves(made, flow)[0].points[1][2]
    'resnet8 · block 1: 2'
    """
    lasts = _last_numbers(results)
    found = (
        _curve(figure, ax, line, lasts)
        for ax in figure.axes
        for line in ax.lines
        if not _UNLABELLED.fullmatch(str(line.get_label()))
    )
    return [curve for curve in found if curve.points]


def _last_numbers(results: Results) -> dict[str, float]:
    """Return the largest block, or length, of each network under its label in the legend."""
    name = listed(results)[0].name
    column = _NUMBERED.get(name)
    if column is None:
        return {}
    found = gather(results, name=name, numbers=(), texts=(column,))
    numbers = {s.label: pd.to_numeric(s.rows[column], errors="coerce").max() for s in found}
    return {label: float(last) for label, last in numbers.items() if math.isfinite(last)}


def _curve(figure: Figure, ax: Axes, line: Line2D, lasts: dict[str, float]) -> Curve:
    network, _, part = str(line.get_label()).replace(r"\$", "$").rpartition(" ")
    label = f"{network}, {_SAID[part]}" if part in _SAID else f"{network} {part}".strip()
    xy = np.asarray(line.get_xydata(), dtype=float)
    last = lasts.get(label, lasts.get(network, len(xy) - 1.0))
    if same_color(line.get_markerfacecolor(), paper()) and part not in _SAID:
        label += " (open marks)"
    xy = xy[np.isfinite(xy).all(axis=1)]
    places = figure.transFigure.inverted().transform(line.get_transform().transform(xy))
    width, height = (72 * float(size) for size in figure.get_size_inches())
    quantity = " ".join(ax.get_ylabel().replace(r"\$", "$").split())
    if part == "exact" and label not in lasts and quantity.startswith("Number of paths"):
        quantity = "Share of the gradient (%)"  # the dashed line, in the same percent
    texts = _texts(ax.get_xlabel(), xy, label, last, percent="(%)" in quantity)
    points = tuple(
        (round(float(x * width), 1), round(float((1 - y) * height), 1), text)
        for (x, y), text in zip(places, texts, strict=True)
        if math.isfinite(x) and math.isfinite(y)
    )
    return Curve(label, quantity.replace(" (%)", ""), points)


def _texts(axis: str, xy: np.ndarray, label: str, last: float, *, percent: bool) -> Iterator[str]:
    for x, y in xy:
        unit = "\u00a0%" if percent else ""
        yield f"{label} · {_place(axis, float(x), last)}: {_number(float(y))}{unit}"


def _place(axis: str, x: float, last: float) -> str:
    """Return a place on an axis in words; on a relative one, a part of ``last``.

    Examples
    --------
    >>> _place("Deleted block (0 is nearest the input)", 3.07, 8)
    'deleted block 3'
    >>> _place("Position of the block (0 first, 1 last)", 0.5, 8), _place("Epoch", 4.0, 8)
    ('block 4', 'epoch 4')
    >>> _place("Branches on the path", 4.0, 8)
    '4 branches on the path'
    >>> _place("Block (the last mark is the head)", 9.0, 9)
    'head'
    """
    name = axis.replace(r"\$", "$").partition(" (")[0].partition(",")[0].strip() or "x"
    if name.startswith("Position"):
        name, x = name.partition(" of the ")[2] or "block", x * max(last, 1.0)
    elif axis == RELATIVE:
        name, x = "Branches on the path", x * max(last, 1.0)
    elif axis == RANKED:
        name = "Rank"
    near = round(x)
    if "is the head" in axis and near == last:
        return "head"
    number = str(abs(near)) if abs(x - near) < 0.45 else _number(x)  # before the end it is negative
    if name.startswith(("Branches", "Blocks")):
        return f"{number} {name[0].lower()}{name[1:]}"
    return f"{name[0].lower()}{name[1:]} {number}"


def _number(value: float) -> str:
    """Write a value with four digits.

    Examples
    --------
    >>> _number(4.30001), _number(-0.00012344)
    ('4.3', '−0.0001234')
    """
    return f"{value:.4g}".replace("-", "−")
