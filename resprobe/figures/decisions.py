"""After how many blocks predictions are made, and what the last blocks do for unsure images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from matplotlib.axes import Axes

from resprobe.errors import InputError
from resprobe.figures.depth import depth_axis
from resprobe.figures.keys import Entries, bars_key, key, open_key, series_key, solid_key
from resprobe.figures.legend import finish
from resprobe.figures.marks import draw_bars, draw_series
from resprobe.figures.series import Results, Series, gather, on_one_axis
from resprobe.figures.theme import stroke, theme

__all__ = ["borderline_panels", "decisions_panels", "plot_borderline", "plot_decisions"]

METHODS = {"probe": "probe settles", "head": "head settles", "probe-stable": "probe repeats"}
GROUPS = {"borderline": "borderline", "confident": "all others"}
JUDGED = {"before": "judged before the last blocks", "after": "judged at the end"}


def decisions_panels(results: Results) -> list[Callable[..., Axes]]:  # noqa: ARG001
    """Return a panel for each block's share of the images, and one for the sums of them."""
    return [plot_decisions, partial(plot_decisions, cumulative=True, bare=True)]


def plot_decisions(
    results: Results,
    ax: Axes,
    *,
    cumulative: bool = False,
    bare: bool = False,
    order: Sequence[str] = (),
) -> Axes:
    """Draw the share of images whose prediction each block decides.

    By the fitted probe (filled), and by the network's own head (open), which reads in the last
    stage only: the first block from which on the prediction stays the network's; without a probe
    the head alone. The tick beyond the last block is what no block decides. A bar above is the
    mean depth, its interval beside it. Networks of different depth share a relative axis.

    Parameters
    ----------
    results : Result or sequence of Result
        Named "readout-decisions".
    ax : Axes
        Where to draw.
    cumulative : bool
        Whether to draw the share decided by a block or one before it.
    bare : bool
        Whether the legend is left to another panel.
    order : sequence of str
        Networks that keep the colour of their place here.

    Raises
    ------
    InputError
        If a result is no such result or is empty.
    """
    column = "cumulative" if cumulative else "share"
    numbers = ("block", "share", "cumulative", "depth", "depth_low", "depth_high")
    found = gather(
        results, name="readout-decisions", numbers=numbers, texts=("method",), order=order
    )
    heads = [_head(one) for one in found]
    positions, relative = on_one_axis([one.numbers("block") for one in heads])
    with theme():
        shading = depth_axis(ax, heads, positions, relative=relative, what="block")
        ax.set_xlabel(
            "Position (1 is the head)" if relative else "Block (the last mark is the head)"
        )
        used = []
        for place, (one, x) in enumerate(zip(found, positions, strict=True)):
            for method in ("probe", "head"):
                rows = _rows(one, method)
                if not len(rows.rows):
                    continue
                used.append(method)
                y = 100 * rows.numbers(column)
                if method == "head":  # which reads in the last stage only, and is the network then
                    y = np.where((rows.numbers("cumulative") > 0) & (x < x[-1]), y, np.nan)
                draw_series(ax, rows, x, y, filled=method == "probe")
            if not cumulative:
                main = _rows(one, "probe") if len(_rows(one, "probe").rows) else _rows(one, "head")
                _mean_depth(ax, main, x, place)
        ax.set_ylim(bottom=0)
        if cumulative:
            ax.set_ylim(0, 102)
        ax.set_ylabel(f"Images {'decided by then' if cumulative else 'decided here'} (%)")
        entries: Entries = [series_key(one) for one in found]
        handles = {"probe": solid_key(), "head": open_key()}
        entries += [(handles[m], METHODS[m]) for m in handles if m in used]
        if not cumulative:
            entries.append((key(linestyle="-", linewidth=stroke(2.2)), "mean depth, 95 %"))
        finish(ax, [] if bare else [*entries, *shading])
    return ax


def borderline_panels(results: Results) -> list[Callable[..., Axes]]:  # noqa: ARG001
    """Return a panel for each way of judging which images are borderline."""
    return [
        partial(plot_borderline, judged=judged, bare=number > 0)
        for number, judged in enumerate(JUDGED)
    ]


def plot_borderline(
    results: Results,
    ax: Axes,
    *,
    judged: str = "before",
    bare: bool = False,
    order: Sequence[str] = (),
) -> Axes:
    """Draw the accuracy of borderline images, and of all others, over the last blocks.

    Borderline images are filled, the others open; bars are 95 % intervals (Wilson).

    Parameters
    ----------
    results : Result or sequence of Result
        Named "readout-borderline".
    ax : Axes
        Where to draw.
    judged : str
        Which images are borderline: "before" the last blocks, or "after" them.
    bare : bool
        Whether the legend of the networks is left to another panel.
    order : sequence of str
        Networks that keep the colour of their place here.

    Raises
    ------
    InputError
        If a result is no such result or is empty, or nothing was judged so.
    """
    columns = ("block", "n", "accuracy", "accuracy_low", "accuracy_high")
    found = gather(
        results, name="readout-borderline", numbers=columns, texts=("judged", "group"), order=order
    )
    with theme():
        named = dict(GROUPS)
        for one in found:
            rows = one.rows[one.rows["judged"] == judged]
            if not len(rows):
                raise InputError(f"{one.label}: no image was judged '{judged}'")
            for group in GROUPS:
                some = rows[rows["group"] == group].sort_values("block", kind="stable")
                if not len(some):
                    raise InputError(f"{one.label}: no {group} image was judged '{judged}'")
                _accuracy(ax, replace(one, rows=some), filled=group == "borderline")
                if len(found) == 1:
                    named[group] += f", n = {some['n'].iloc[0]:,.0f}"
        _count_back(ax)
        ax.set_ylim(-2, 102)
        ax.set_xlabel("Blocks before the end (0 is the last)")
        ax.set_ylabel(f"Accuracy of the head (%),\n{JUDGED[judged]}")
        entries: Entries = [] if bare else [series_key(one) for one in found]
        handles = (solid_key(), open_key())
        entries += [*zip(handles, named.values(), strict=True), bars_key("95 % interval")]
        finish(ax, entries)
    return ax


def _accuracy(ax: Axes, one: Series, *, filled: bool) -> None:
    block = one.numbers("block")
    x = block - block.max() + (0.0 if filled else 0.05)  # side by side, not over each other
    y, low, high = (100 * one.numbers(f"accuracy{end}") for end in ("", "_low", "_high"))
    draw_series(ax, one, x, y, filled=filled)
    draw_bars(ax, one.style.colour, x, low, high)


def _count_back(ax: Axes) -> None:
    ax.grid(visible=False, axis="x")
    ax.xaxis.get_major_locator().set_params(integer=True)  # type: ignore[call-arg]
    ax.xaxis.set_major_formatter(lambda value, _: f"{abs(value):.0f}")
    ax.margins(x=0.08)


def _rows(one: Series, method: str) -> Series:
    rows = one.rows[one.rows["method"] == method].sort_values("block", kind="stable")
    return replace(one, rows=rows)


def _head(one: Series) -> Series:
    """Return the rows of the network's own head, which those of a probe go with."""
    head, probe = _rows(one, "head"), _rows(one, "probe")
    if not len(head.rows) or len(probe.rows) not in (0, len(head.rows)):
        raise InputError(
            f"{one.label}: the readout-decisions result lacks rows of the head or the probe; "
            "run the study again"
        )
    return head


def _mean_depth(ax: Axes, one: Series, x: np.ndarray, place: int) -> None:
    """Draw the mean number of blocks as the place of the last of them, above the axes' data."""
    blocks = np.arange(len(x))
    middle, low, high = (
        float(np.interp(one.numbers(name)[0] - 1, blocks, x))
        for name in ("depth", "depth_low", "depth_high")
    )
    y = 0.97 - 0.045 * place
    ax.hlines(y, low, high, colors=one.style.colour, linewidths=stroke(2.2),
              transform=ax.get_xaxis_transform(), zorder=4)  # fmt: skip
    ax.plot([middle], [y], transform=ax.get_xaxis_transform(), marker=one.style.marker,
            markersize=3.6, color=one.style.colour, zorder=4)  # fmt: skip
