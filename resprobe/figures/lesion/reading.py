"""From lesion results to what their figures draw: one study, a network at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from resprobe.errors import InputError, one_of
from resprobe.figures.lesion.measure import NUMBERS, Measure
from resprobe.figures.series import Results, Series, gather, listed
from resprobe.figures.theme import short_text

__all__ = ["NAMES", "Network", "interval_name", "networks", "reported", "study_of"]

NAMES = ("lesion", "lesion-classes")
"""Of the results: all images, and class by class."""

STUDIES = (
    "single", "layers", "random", "shuffle", "pairs", "greedy", "repeat", "scale", "by-hand",
)  # fmt: skip
TEXTS = ("lesion", "kind", "blocks", "k", "deletable")


@dataclass(frozen=True)
class Network:
    """One network's rows, and what the figure measures them by.

    Parameters
    ----------
    series : Series
        Its lesions on all images, with the statistics of BatchNorm that it came with.
    intact : Series of pandas or None
        Its intact row.
    measure : Measure
        Error, or disagreement where there are no labels.
    recalibrated : DataFrame
        The same lesions with recalibrated statistics; empty where nobody asked for them.
    intact_recalibrated : Series of pandas or None
        The intact network's row with recalibrated statistics.
    selection : DataFrame
        Candidates that were measured on the images to choose by.
    """

    series: Series
    intact: pd.Series[Any] | None
    measure: Measure
    recalibrated: pd.DataFrame
    intact_recalibrated: pd.Series[Any] | None
    selection: pd.DataFrame

    @property
    def label(self) -> str:
        """The name in the legend."""
        return self.series.label

    @property
    def rows(self) -> pd.DataFrame:
        """One row per lesion."""
        return self.series.rows

    @property
    def classes(self) -> int:
        """Classes that the network tells apart; 0 where ``meta`` does not say."""
        classes = self.series.facts.get("classes")
        return classes if isinstance(classes, int) and classes > 1 else 0

    def with_rows(self, rows: pd.DataFrame) -> Network:
        """Return the network with other rows."""
        return replace(self, series=replace(self.series, rows=rows))

    def intact_value(self) -> float:
        """Return what is measured of the intact network, in percent; NaN if it was not."""
        return float("nan") if self.intact is None else self.measure.of_row(self.intact)

    def is_transition(self, rows: pd.DataFrame) -> np.ndarray:
        """Tell which lesions touch a transition and could be made."""
        possible = rows["deletable"].to_numpy(dtype=bool)
        return np.asarray(possible & (rows["transitions"] > 0).to_numpy(dtype=bool))


def study_of(results: Results) -> str:
    """Return which study the results are of.

    Raises
    ------
    InputError
        If they are of different ones, or of one that nobody knows.
    """
    found: list[str] = []
    for result in listed(results):
        if result.name in NAMES and "study" in result.frame.columns and len(result.frame):
            found += [short_text(name) for name in result.frame["study"].unique()]
        else:
            found.append(short_text(result.meta.get("study") or "single"))
    if len(set(found)) > 1:
        raise InputError(
            f"a figure draws one study and these are {', '.join(dict.fromkeys(found))}; "
            "draw them one by one"
        )
    if found[0] not in STUDIES:
        raise InputError(str(one_of("study", found[0], STUDIES)))
    return found[0]


def networks(
    results: Results, *, numbers: Sequence[str] = (), order: Sequence[str] = ()
) -> list[Network]:
    """Return the networks of lesion results in the order of the frames.

    Parameters
    ----------
    results : Result or sequence of Result
        Named "lesion".
    numbers : sequence of str
        The columns that a study has beyond those of all studies.
    order : sequence of str
        Networks that keep the style of their place here.

    Raises
    ------
    InputError
        If a result is no lesion result, is empty, or has no lesion but the intact network.
    """
    found = gather(results, name="lesion", numbers=(*NUMBERS, *numbers), texts=TEXTS, order=order)
    found = [replace(one, rows=_completed(one.rows)) for one in found]
    labelled = all(_is_labelled(one) for one in found)
    return [_network(one, Measure(labelled)) for one in found]


def _completed(rows: pd.DataFrame) -> pd.DataFrame:
    """Add what a frame of deletions alone may lack; leave out the rows by class."""
    defaults: dict[str, Any] = {
        "class_name": "",
        "batch_norm": "running",
        "selection": False,
        "transitions": (rows["kind"] == "transition").astype(int),
    }
    rows = rows.assign(**{k: v for k, v in defaults.items() if k not in rows.columns})
    return rows[rows["class_name"].astype(str) == ""]


def _is_raw(rows: pd.DataFrame) -> pd.Series[bool]:
    return (rows["batch_norm"] == "running") & ~rows["selection"].astype(bool)


def reported(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of all images with the statistics that came with the network.

    Left out are the rows by class, with recalibrated statistics, and of candidates.
    """
    rows = _completed(rows)
    return rows[_is_raw(rows)]


def _is_labelled(series: Series) -> bool:
    has_errors = bool(series.rows["error"].notna().any())
    return has_errors or "agreement" not in series.rows.columns


def _network(series: Series, measure: Measure) -> Network:
    rows = series.rows
    selection, raw = rows["selection"].astype(bool), _is_raw(rows)
    intact = rows["lesion"] == "intact"
    recalibrated = ~selection & ~raw
    if not (raw & ~intact).any():
        raise InputError(
            f"{series.label} has no deletions in the lesion result, only the intact row"
        )
    return Network(
        series=replace(series, rows=rows[raw & ~intact]),
        intact=_first(rows[raw & intact]),
        measure=measure,
        recalibrated=rows[recalibrated & ~intact],
        intact_recalibrated=_first(rows[recalibrated & intact]),
        selection=rows[selection],
    )


def _first(rows: pd.DataFrame) -> pd.Series[Any] | None:
    return rows.iloc[0] if len(rows) else None


def interval_name(results: Results) -> str:
    """Return what the bars are called in a legend, such as "95 % interval"."""
    levels = {result.meta.get("confidence") for result in listed(results)}
    level = levels.pop() if len(levels) == 1 else None
    percent = f"{100 * level:.4g}" if isinstance(level, float) and 0 < level < 1 else "95"
    return f"{percent} % interval"
