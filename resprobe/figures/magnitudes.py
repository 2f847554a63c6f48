"""How large the branches are beside their shortcuts, block by block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from resprobe.errors import InputError
from resprobe.figures.depth import depth_axis
from resprobe.figures.keys import Entries, bars_key, lost_key, series_key
from resprobe.figures.legend import finish
from resprobe.figures.marks import draw_bars, draw_series, draw_transitions, mark_bottom
from resprobe.figures.series import Results, Series, gather, on_one_axis
from resprobe.figures.theme import ink, stroke, theme

__all__ = ["magnitude_panels", "plot_magnitude"]

FIGURES = {
    "ratio": "Size of the branch beside the shortcut,\n‖F(x)‖ / ‖s(x)‖",
    "cosine": "Cosine of branch and shortcut",
    "negative_share": "Share of the sum below 0 (%)",
    "response_std": "Response of the branch,\nstandard deviation",
}
_COLUMNS = ("block", "ratio", "ratio_q10", "ratio_q90", "cosine", "negative_share", "response_std")


def magnitude_panels(results: Results) -> list[Callable[..., Axes]]:
    """Return the panels: size, angle and cut-off share, or for plain networks the response."""
    found = gather(results, name="magnitude", numbers=_COLUMNS)
    if all(_is_empty(one, "ratio") for one in found):
        return [partial(plot_magnitude, figure="response_std")]
    return [
        partial(plot_magnitude, figure=name, bare=name != "ratio")
        for name in ("ratio", "cosine", "negative_share")
    ]


def plot_magnitude(
    results: Results,
    ax: Axes,
    *,
    figure: str = "ratio",
    bare: bool = False,
    order: Sequence[str] = (),
) -> Axes:
    """Draw one figure of the blocks along the depth, networks overlaid.

    The ratio is drawn with a band from its 10 % to its 90 % quantile over images, the cosine
    with bars of one standard error. Transitions are open diamonds. Networks without the figure,
    as plain ones without a ratio, are left out; a number that is not finite is marked below.

    Parameters
    ----------
    results : Result or sequence of Result
        Named "magnitude".
    ax : Axes
        Where to draw.
    figure : str
        A column: ratio, cosine, negative_share or response_std.
    bare : bool
        Whether the legend is left to another panel.
    order : sequence of str
        Networks that keep the colour of their place here.

    Raises
    ------
    InputError
        If a result is no magnitude result, is empty, or has the figure for no network.
    """
    found = gather(results, name="magnitude", numbers=_COLUMNS, texts=("kind",), order=order)
    series = [_by_block(one) for one in found if not _is_empty(one, figure)]
    if not series:
        raise InputError(f"no network in the magnitude result has a {figure.replace('_', ' ')}")
    positions, relative = on_one_axis([one.numbers("block") for one in series])
    scale = 100 if figure == "negative_share" else 1
    with theme():
        shading = depth_axis(ax, series, positions, relative=relative, what="block")
        _limits(ax, series, figure, scale)
        entries, marks = [series_key(one) for one in series], Entries()
        for one, x in zip(series, positions, strict=True):
            marks += _draw(ax, one, x, scale * one.numbers(figure))
        entries += _spread(ax, series, positions, figure) + marks
        ax.set_ylabel(FIGURES[figure])
        finish(ax, [] if bare else entries + shading)
    return ax


def _is_empty(series: Series, figure: str) -> bool:
    return bool(np.isnan(series.numbers(figure)).all())


def _by_block(series: Series) -> Series:
    return replace(series, rows=series.rows.sort_values("block", kind="stable"))


def _limits(ax: Axes, series: Sequence[Series], figure: str, scale: float) -> None:
    columns = ["ratio", "ratio_q90"] if figure == "ratio" else [figure]
    values = scale * np.concatenate([one.numbers(column) for one in series for column in columns])
    finite = values[np.isfinite(values)]
    high = max(float(finite.max()), 0.0) if len(finite) else 1.0
    low = min(float(finite.min()), 0.0) if len(finite) else 0.0
    room = 0.06 * (high - low or 1.0)
    ax.set_ylim(low - room * (low < 0), high + room)
    if low < 0 < high:
        ax.axhline(0, color=ink(), linewidth=stroke(0.6), zorder=1)


def _draw(ax: Axes, series: Series, x: np.ndarray, y: np.ndarray) -> Entries:
    draw_series(ax, series, x, y)
    mark_bottom(ax, series, x[~np.isfinite(y)], marker="x")
    lost = [] if np.isfinite(y).all() else [lost_key()]
    return draw_transitions(ax, series, x, y) + lost


def _spread(
    ax: Axes, series: Sequence[Series], positions: Sequence[np.ndarray], figure: str
) -> Entries:
    """Draw what the figure's images are spread over, or how sure the mean is."""
    bars = False
    for one, x in zip(series, positions, strict=True):
        if figure == "ratio":
            low, high = (one.numbers(f"ratio_q{q}") for q in (10, 90))
            shown = np.isfinite(low) & np.isfinite(high)
            if len(x) == 1:
                ax.vlines(x[shown], low[shown], high[shown], color=one.style.colour, alpha=0.3,
                          linewidth=6)  # fmt: skip
            ax.fill_between(
                x, low, high, where=shown, color=one.style.colour, alpha=0.16, linewidth=0, zorder=2
            )
        elif f"{figure}_se" in one.rows.columns:
            value, error = one.numbers(figure), one.numbers(f"{figure}_se")
            bars |= draw_bars(ax, one.style.colour, x, value - error, value + error)
    if figure != "ratio":
        return [bars_key("± standard error")] if bars else []
    return [(Patch(color=ink(), alpha=0.16, linewidth=0), "80 % of the images")]
