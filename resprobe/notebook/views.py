"""What the explorer shows of a look, as HTML: accuracy, path lengths, sizes, what was tried."""

from __future__ import annotations

import math
from collections.abc import Sequence

from resprobe.notebook.charts import INK, MUTED, Plane, ticks
from resprobe.notebook.markup import table
from resprobe.probes import Look, Workbench

__all__ = ["accuracy_chart", "lengths_chart", "said_of", "sizes_chart", "tried_table"]

NOW = 'fill="var(--line-0, #0072b2)"'
_OUTLINE = f'fill="none" stroke="{INK}" stroke-opacity="0.8"'
_SHADE = f'fill="{INK}" fill-opacity="0.07"'
_SHOWN = 12  # looks in the table


def measure_of(look: Look) -> str:
    """Return what a network is measured by: accuracy, or agreement where there are no labels."""
    return "accuracy" if not math.isnan(look.figures["accuracy"]) else "agreement"


def said_of(look: Look) -> str:
    """Say in a sentence what a network answers, and what was computed for it."""
    figures, measure = look.figures, measure_of(look)
    text = f"{look.lesion.label}: {_percent(figures, measure)}"
    text += " accuracy" if measure == "accuracy" else " of the intact network's answers"
    if look.lesion.k and measure == "accuracy":
        text += f"; error {_points(figures, unit=' points')} beside the intact network's"
    ran = f"{look.steps_run} of {look.steps} steps computed, {look.seconds:.2f} s"
    return f"{text}. {look.figures['n']:,.0f} images; {ran}."


def accuracy_chart(now: Look, intact: Look, *, classes: int) -> str:
    """Draw the accuracy with its interval beside the intact network's, and chance."""
    measure = measure_of(now)
    plane = Plane(-0.5, 1.5, 100.0, width=160)
    parts = []
    for place, (look, fill) in enumerate(((intact, _OUTLINE), (now, NOW))):
        value, low, high = (100 * look.figures[f"{measure}{end}"] for end in ("", "_low", "_high"))
        parts.append(plane.bar(place, value, width=0.6, look=fill, said=said_of(look)))
        parts.append(plane.line((place, low), (place, high), f'stroke="{INK}" stroke-width="1.5"'))
        parts.append(plane.text(place, high, f"{value:.1f}", 'font-weight="bold"', above=4))
        parts.append(plane.text(place, 0, ("intact", "now")[place], above=-13))
    if measure == "accuracy":
        chance = 100 / classes
        dashes = f'stroke="{MUTED}" stroke-dasharray="2 3"'
        parts.append(plane.line((-0.5, chance), (1.5, chance), dashes))
    label = "Accuracy (%)" if measure == "accuracy" else "Answers as before (%)"
    return plane.drawn(*parts, x_ticks=(), x_label="", y_label=label, said=said_of(now))


def lengths_chart(now: Look, intact: Look) -> str:
    """Draw how long the paths are that are left, beside those of the intact network."""
    before, left = intact.lengths, now.lengths
    if before is None or left is None:
        return ""
    highest = 100 * max(*before.shares, *left.shares)
    plane = Plane(-0.8, before.blocks + 0.8, 1.3 * highest)
    parts = [
        plane.bar(length, 100 * share, width=0.8, look=NOW, said=f"{length}: {share:.2%}")
        for length, share in enumerate(left.shares)
    ]
    parts.append(plane.skyline([100 * share for share in before.shares], _OUTLINE))
    above = 1.08 * highest
    said = f"mean {left.mean:g}; 95 % of paths: {left.low} to {left.high}"
    parts.append(plane.line((left.low, above), (left.high, above), f'stroke="{INK}"'))
    parts.append(plane.dot(left.mean, above, radius=3, look=f'fill="{INK}"'))
    parts.append(plane.text(before.blocks / 2, 1.2 * highest, said))
    return plane.drawn(
        *parts, x_ticks=_whole(before.blocks), x_label="Branches on the path",
        y_label="Paths of this length (%)", said=f"Path lengths: {said}",
    )  # fmt: skip


def sizes_chart(bench: Workbench, now: Look) -> str:
    """Draw the size of every branch beside its shortcut, and what it was in the intact network."""
    intact, blocks = bench.intact.sizes[:, 0], bench.chain.blocks
    if bench.chain.is_plain:
        return ""
    ratios = [float(value) for value in now.sizes[:, 0]]
    finite = [v for v in (*ratios, *map(float, intact)) if math.isfinite(v)]
    plane = Plane(-0.8, len(ratios) - 0.2, 1.05 * max(finite, default=1.0) or 1.0)
    parts = [
        plane.bar(place, plane.y_high, width=1.0, look=_SHADE)
        for place, block in enumerate(blocks)
        if block.stage % 2 == 0
    ]
    size = max(1.2, min(3.5, 120 / len(ratios)))
    for place, (ratio, before) in enumerate(zip(ratios, intact, strict=True)):
        block = now.arrangement.order[place]
        if math.isfinite(ratio):
            parts.append(plane.bar(place, ratio, width=0.7, look=NOW,
                                   said=f"block {block}: {ratio:.3g}"))  # fmt: skip
        else:
            mark = "✕" if block in now.arrangement.deleted else "?"
            parts.append(plane.text(place, 0, mark, f'font-size="{2 * size + 3:.0f}"', above=2))
        if math.isfinite(before):
            parts.append(plane.dot(place, float(before), radius=size, look=_OPEN,
                                   said=f"intact: {before:.3g}"))  # fmt: skip
    return plane.drawn(
        *parts, x_ticks=_whole(len(ratios) - 1), x_label="Place of the block",
        y_label="‖F(x)‖ / ‖s(x)‖", said="Size of each branch beside its shortcut",
    )  # fmt: skip


_OPEN = f'fill="var(--paper, #fff)" fill-opacity="0.6" stroke="{INK}"'


def tried_table(looks: Sequence[Look]) -> str:
    """Return the last looks as a table, the newest first."""
    rows: list[Sequence[object] | str] = []
    for place, look in reversed(list(enumerate(looks, start=1))):
        figures = look.figures
        lengths = look.lengths.mean if look.lengths else math.nan
        rows.append((place, look.lesion.label, _percent(figures, measure_of(look)),
                     _points(figures) if look.lesion.k else "", f"{figures['kl']:.3f}",
                     lengths))  # fmt: skip
    if len(rows) > _SHOWN:
        more = len(rows) - _SHOWN
        rows = [*rows[:_SHOWN], f"{more:,} more; explorer.result() has all"]
    kind = "accuracy" if looks and measure_of(looks[0]) == "accuracy" else "answers as before"
    return table(("", "lesion", f"{kind} (95 %)", "error rise, points (95 %)", "KL (nats)",
                  "mean path length"), rows, caption="What was tried")  # fmt: skip


def _percent(figures: dict[str, float], measure: str) -> str:
    value, low, high = (100 * figures[f"{measure}{end}"] for end in ("", "_low", "_high"))
    return f"{value:.1f} % ({low:.1f} to {high:.1f})"


def _points(figures: dict[str, float], *, unit: str = "") -> str:
    value, low, high = (100 * figures[f"error_rise{end}"] for end in ("", "_low", "_high"))
    if math.isnan(value):
        return "–"
    return f"{value:+.1f}{unit} ({low:+.1f} to {high:+.1f})".replace("-", "−")


def _whole(high: int) -> list[float]:
    return [value for value in ticks(high, most=9) if value.is_integer()]
