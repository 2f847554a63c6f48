"""Networks in the order in which they resemble those of papers, and drawn with their likes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from kit.tables import Rows, only, rows_of
from matplotlib.figure import Figure

from resprobe.figures import figure
from resprobe.results import Result

__all__ = ["GROUPS", "captioned", "drawn", "group_of", "nearest_first"]

GROUPS = {
    "published": "Published networks, fully trained by others.",
    "cifar": "Networks trained with `resprobe train` on the images that the figure names.",
    "embedded": "Narrow networks, trained here on images of Fashion-MNIST in a short schedule.",
}
"""The groups of networks, those nearest to papers first, and what captions say of them."""

_EMBEDDED = "fashion-mnist-subset"


def group_of(rows: Rows) -> str:
    """Return the group of a network: who does not know its training was trained by others."""
    if "epochs" not in rows.facts["training"]:
        return "published"
    return "embedded" if _EMBEDDED in rows.setting else "cifar"


def nearest_first(result: Result) -> list[Rows]:
    """Return the networks of a table, those first that are nearest to what papers look at.

    Fully trained ones come before those of short schedules, CIFAR-10 before other images,
    residual networks before plain ones, which are controls, and deep ones before shallow ones.
    """
    order = list(GROUPS)
    found = sorted(
        rows_of(result), key=lambda r: (order.index(group_of(r)), r.facts["plain"], -r.blocks)
    )
    return [
        replace(rows, setting=f"{rows.setting}; without shortcuts, as a control")
        if rows.facts["plain"]
        else rows
        for rows in found
    ]


def drawn(
    result: Result,
    stem: str,
    names: Iterable[str] | None = None,
    draw: Callable[[Result], Figure] = figure,
) -> dict[str, Figure]:
    """Draw the networks of each group, or those of ``names`` in it, into a figure of their own.

    Its small print says how wide they are, and for how long they were trained.
    """
    rows = list(rows_of(result))
    wanted = {one.network for one in rows} if names is None else set(names)
    found = {}
    for group in GROUPS:
        some = [one for one in rows if group_of(one) == group and one.network in wanted]
        if some:
            part = only(result, [one.network for one in some])
            setting = list(dict.fromkeys(one.facts["training"] for one in some))
            meta = {**part.meta, "setting": setting}
            found[f"{stem}-{group}"] = draw(Result(part.name, part.frame, meta))
    return found


def captioned(stem: str, text: str) -> dict[str, str]:
    """Return the captions of what :func:`drawn` draws."""
    return {f"{stem}-{group}": f"{text} {words}" for group, words in GROUPS.items()}
