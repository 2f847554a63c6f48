"""How alike layers are: a heat map for each two networks, and what they say on average."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator

from resprobe.errors import InputError
from resprobe.figures.keys import Entries, key, series_key
from resprobe.figures.legend import finish
from resprobe.figures.lesion.heat import colour_bar
from resprobe.figures.series import Results, gather
from resprobe.figures.theme import drawn, faint, paper, points, short_text, stroke, theme

__all__ = [
    "plot_similarity",
    "plot_similarity_summary",
    "similarity_height",
    "similarity_panels",
]

_NUMBERS = ("layer", "other_layer", "stage", "other_stage", "block", "other_block", "cka")
_TEXTS = ("other_network", "place", "other_place")


def similarity_panels(results: Results) -> list[Callable[..., Axes]]:
    """Return a panel for each network with itself, and for each two of them."""
    return [partial(plot_similarity, pair=pair) for pair in _pairs(_table(results))]


def similarity_height(results: Results, width: float) -> float | None:
    """Return how high a panel of so many inches is best: it is square beside its colour bar."""
    del results
    return 0.64 * min(6.0, width) + 0.65


def plot_similarity(
    results: Results,
    ax: Axes,
    *,
    pair: tuple[str, str] | None = None,
    order: Sequence[str] = (),  # noqa: ARG001
) -> Axes:
    """Draw the CKA of every pair of layers as a heat map, the input at the lower left.

    The colours end at 1, and begin at 0 or, where all pairs of the result are more alike, above.
    Thin white lines part the stages. Where layers inside branches are compared too, outputs and
    interiors stand in the order they run. An estimate below 0 has the colour of 0, an undefined one
    is grey.

    Parameters
    ----------
    results : Result or sequence of Result
        Named "similarity".
    ax : Axes
        Where to draw.
    pair : (str, str), optional
        The two networks, for one with itself twice the same; where there are several pairs it
        must be named.
    order : sequence of str
        Taken for the sake of other figures; a heat map has no colours of networks.

    Raises
    ------
    InputError
        If a result is no similarity result, is empty, or there are several pairs and none is
        named.
    """
    table = _table(results)
    pairs = _pairs(table)
    if pair is None and len(pairs) > 1:
        raise InputError(
            f"this study has a panel for each pair of networks, here {len(pairs)}; "
            "resprobe.figures.figure(result) draws them all"
        )
    network, other = pair or pairs[0]
    rows = table[[named == (network, other) for named in _named(table)]]
    values = rows.pivot(index="other_layer", columns="layer", values="cka").to_numpy()
    with theme():
        colours = colormaps["viridis"].with_extremes(bad=faint())
        scale = _scale(table)
        ax.imshow(np.ma.masked_invalid(values), cmap=colours, norm=scale, aspect="auto",
                  interpolation="nearest", origin="lower", zorder=1)  # fmt: skip
        ax.set_box_aspect(1)
        ax.grid(visible=False)
        for axis, side in (("x", ""), ("y", "other_")):
            _stages(ax, rows, axis, side)
        bar = colour_bar(ax, scale, colours, "")
        bar.ax.set_title("CKA", fontsize=points(7))
        ax.set_xlabel(drawn(f"{short_text(network, limit=22)}: block"))
        ax.set_ylabel(drawn(f"{short_text(other, limit=22)}: block"))
        inside = (rows["place"] == "interior").any()
        entries: Entries = []
        if np.isnan(values).any():
            entries.append((Patch(facecolor=faint(), linewidth=0), "undefined"))
        finish(ax, entries, title="inner layers before their block" if inside else "")
    return ax


def plot_similarity_summary(results: Results, ax: Axes, *, order: Sequence[str] = ()) -> Axes:
    """Draw mean CKA by place and stage with 95 % intervals, within each network.

    Where two networks have corresponding layers, the share that find each other stands below,
    with its Wilson interval; pairs of different networks are named by both.

    Parameters
    ----------
    results : Result or sequence of Result
        Named "similarity-summary".
    ax : Axes
        Where to draw.
    order : sequence of str
        Networks that keep the colour of their place here.

    Raises
    ------
    InputError
        If a result is no such result or is empty.
    """
    texts = ("other_network", "measure", "places", "stages")
    found = gather(
        _by_pair(results), name="similarity-summary", numbers=("value", "low", "high"),
        texts=texts, order=order,
    )  # fmt: skip
    with theme():
        names = list(dict.fromkeys(n for one in found for n in _names(one.rows)))
        for place, one in enumerate(found):
            shift = 0.7 * (place - (len(found) - 1) / 2) / max(len(found), 2)
            rows = one.rows[one.rows["measure"] != "difference"]
            y = np.array([names.index(name) for name in _names(one.rows)]) + shift
            ax.hlines(y, rows["low"], rows["high"], colors=one.style.colour, linewidths=stroke(0.9))
            ax.plot(rows["value"], y, linestyle="none", marker=one.style.marker, markersize=4,
                    color=one.style.colour, markeredgecolor=paper(), markeredgewidth=0.3,
                    zorder=3)  # fmt: skip
        ax.set_ylim(len(names) - 0.5, -0.5)
        ax.set_yticks(range(len(names)), names)
        ax.set_xlim(min(0.0, ax.get_xlim()[0]), 1.02)
        ax.set_xlabel("Mean CKA,\nor share of layers identified")
        ax.grid(visible=True, axis="x")
        ax.grid(visible=False, axis="y")
        bar = (key(linestyle="-", linewidth=stroke(0.9)), "95 % interval")
        finish(ax, [*[series_key(one) for one in found], bar])
    return ax


def _table(results: Results) -> pd.DataFrame:
    found = gather(results, name="similarity", numbers=_NUMBERS, texts=_TEXTS)
    return pd.concat([one.rows for one in found], ignore_index=True)


def _pairs(table: pd.DataFrame) -> list[tuple[str, str]]:
    pairs = list(dict.fromkeys(_named(table)))
    return sorted(pairs, key=lambda pair: pair[0] != pair[1])


def _named(table: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the networks of every row; not by pandas, which loses NUL at the end of a name."""
    return [*zip(map(str, table["network"]), map(str, table["other_network"]), strict=True)]


def _scale(table: pd.DataFrame) -> Normalize:
    """Return one scale for all panels: from the smallest estimate, or 0, to 1."""
    known = table["cka"][np.isfinite(table["cka"])]
    low = float(np.floor(10 * known.min()) / 10) if len(known) else 0.0
    return Normalize(min(max(low, 0.0), 0.9), 1)


def _stages(ax: Axes, rows: pd.DataFrame, which: str, side: str) -> None:
    """Part the stages by lines, and name blocks along one axis, as many as have room."""
    layers = rows.drop_duplicates(f"{side}layer").sort_values(f"{side}layer")
    stages, blocks = layers[f"{side}stage"].to_numpy(), layers[f"{side}block"].to_numpy()
    line = ax.axvline if which == "x" else ax.axhline
    for edge in np.flatnonzero(stages[1:] != stages[:-1]):
        line(edge + 0.5, color=paper(), linewidth=0.8, zorder=2)
    outputs = np.flatnonzero((layers[f"{side}place"] == "output").to_numpy())
    step = int(np.ceil(len(outputs) / 10))
    axis = ax.xaxis if which == "x" else ax.yaxis
    axis.set_major_locator(FixedLocator(outputs[::step].tolist()))
    axis.set_ticklabels([f"{blocks[place]:.0f}" for place in outputs[::step]])


def _by_pair(results: Results) -> Results:
    """Name the rows of two networks by both, so that each pair is a series of its own."""
    from resprobe.figures.series import listed

    named = []
    for result in listed(results):
        frame = result.frame
        if {"network", "other_network"} <= set(frame.columns) and len(frame):
            pair = frame["network"].astype(str) + " / " + frame["other_network"].astype(str)
            same = frame["network"] == frame["other_network"]
            frame = frame.assign(network=frame["network"].where(same, pair))
        named.append(type(result)(result.name, frame, result.meta))
    return named


def _names(rows: pd.DataFrame) -> list[str]:
    shown = rows[rows["measure"] != "difference"]
    return [
        f"identified, {row['places']}"
        if row["measure"] == "identified"
        else f"{row['places']}, {_STAGES[row['stages']]}"
        for row in shown.to_dict("records")
    ]


_STAGES = {"all": "all stages", "same": "same stage", "different": "different stages"}
