"""Which classes a deletion costs most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.patches import Patch

from resprobe.errors import InputError
from resprobe.figures.keys import Entries, key, transition_key
from resprobe.figures.legend import finish
from resprobe.figures.lesion.heat import colour_bar, draw_heat, draw_signs, largest_of, tick_texts
from resprobe.figures.series import Results, Series, gather, listed
from resprobe.figures.theme import faint, theme
from resprobe.results import Result

__all__ = ["class_panels", "plot_classes"]

_NUMBERS = ("error_rise", "k")
_TEXTS = ("lesion", "kind", "blocks", "class_name", "batch_norm", "selection", "deletable")


def plot_classes(
    results: Results, ax: Axes, *, panel: int | None = None, order: Sequence[str] = ()
) -> Axes:
    """Draw the rise of each class's error, in percentage points, a column per lesion.

    Red is damage, blue is gain; what cannot be deleted is grey. All panels have one scale.

    Parameters
    ----------
    results : Result or sequence of Result
        Named "lesion" or "lesion-classes", with rows by class.
    ax : Axes
        Where to draw.
    panel : int, optional
        Which network, where there are several.
    order : sequence of str
        Networks that keep the colour of their place here.

    Raises
    ------
    InputError
        If there are no rows by class.
    """
    every = class_panels(results, order=order)
    if panel is None and len(every) > 1:
        raise InputError(
            f"classes have a panel for each network, here {len(every)}; "
            "resprobe.figures.figure(result) draws them all"
        )
    series = every[panel or 0]
    limit = largest_of([one.rows for one in every], "error_rise")
    with theme():
        table = _table(series.rows)
        values = 100 * table.to_numpy(dtype=float)
        draw_heat(ax, values, limit=limit)
        draw_signs(ax, values, limit=limit, where=values < 0)
        single = (series.rows["k"] == 1).all()
        lesions = series.rows.drop_duplicates("lesion")
        marks = (lesions["kind"] == "transition").to_list() if single else []
        names = lesions["blocks"].astype(str) if single else lesions["k"].astype(int).astype(str)
        tick_texts(ax, "x", names.to_list(), marks)
        tick_texts(ax, "y", [str(name) for name in table.index])
        colour_bar(
            ax,
            Normalize(-limit, limit),
            colormaps["RdBu_r"],
            "rise of the error, percentage points",
        )
        ax.set_xlabel("Deleted block" if single else "Lesion, by its number of blocks or swaps")
        ax.set_ylabel("Class")
        entries: Entries = [transition_key(size=3.5)] if any(marks) else []
        if (values < 0).any():
            entries.append((key(marker="_", markersize=4), "below 0"))
        if table.isna().to_numpy().any():
            entries.append((Patch(facecolor=faint(), linewidth=0), "cannot be deleted"))
        finish(ax, entries, title=series.label)
    return ax


def class_panels(results: Results, *, order: Sequence[str] = ()) -> list[Series]:
    """Return the rows by class of each network.

    Raises
    ------
    InputError
        If there are none.
    """
    named = [Result("lesion", one.frame, one.meta) if one.name == "lesion-classes" else one
             for one in listed(results)]  # fmt: skip
    found = gather(named, name="lesion", numbers=_NUMBERS, texts=_TEXTS, order=order)
    panels = [replace(one, rows=_by_class(one.rows)) for one in found]
    for one in panels:
        if one.rows.empty:
            raise InputError(
                f"{one.label} has no rows by class in the lesion result; run the study with "
                "per_class (--per-class)"
            )
    return panels


def _by_class(rows: pd.DataFrame) -> pd.DataFrame:
    chosen = rows["class_name"].astype(str) != ""
    chosen &= ~rows["selection"].astype(bool) & (rows["batch_norm"] == "running")
    return rows[chosen & (rows["lesion"] != "intact")]


def _table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rise of the error, a row per class and a column per lesion, in their order."""
    table = rows.drop_duplicates(["class_name", "lesion"]).pivot(
        index="class_name", columns="lesion", values="error_rise"
    )
    return table.loc[rows["class_name"].unique(), rows["lesion"].unique()]
