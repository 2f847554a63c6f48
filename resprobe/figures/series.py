"""From results to what a figure draws: one series per network, checked and labelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from resprobe.errors import InputError
from resprobe.figures.meta import networks_of
from resprobe.figures.names import labels_of
from resprobe.figures.theme import Style, style
from resprobe.results import Result

__all__ = [
    "Results",
    "Series",
    "Source",
    "checked",
    "error_limit",
    "gather",
    "listed",
    "on_one_axis",
]

Source = Result | str | Path
"""A result, or the path of its saved CSV file."""

Results = Source | Sequence[Source]
"""What a figure is drawn from: one result or several of one kind."""


@dataclass(frozen=True)
class Series:
    """The rows of one network, and how they are shown.

    Parameters
    ----------
    network : str
        The name in the frame.
    label : str
        The name in the legend: unique in the figure, one line of a bounded length.
    rows : DataFrame
        The network's rows, in the order of the frame.
    style : Style
        Colour, marker and line style.
    facts : dict
        What ``meta["networks"]`` says of it ("classes", "checkpoint_sha256", ...); empty
        where it says nothing.
    """

    network: str
    label: str
    rows: pd.DataFrame
    style: Style
    facts: dict[str, Any] = field(default_factory=dict)

    def numbers(self, column: str) -> np.ndarray:
        """Return one column as float64, shape (rows,)."""
        return self.rows[column].to_numpy(dtype=float)

    @property
    def is_plain(self) -> bool:
        """Whether ``meta`` says that the network has no shortcuts."""
        return self.facts.get("plain") is True


def error_limit(series: Sequence[Series], columns: Sequence[str]) -> float:
    """Return where an axis of errors in percent ends: a little above the highest of them."""
    errors = np.concatenate([one.numbers(column) for one in series for column in columns])
    finite = errors[np.isfinite(errors)]
    return float(np.clip(108 * finite.max(), 1.0, 102.0)) if len(finite) else 102.0


def listed(results: Results) -> list[Result]:
    """Return one result or several as a list; those that are given by a path are loaded.

    Raises
    ------
    InputError
        If there is none, or a file is no result.
    """
    found = [results] if isinstance(results, Result | str | Path) else list(results)
    if not found:
        raise InputError("a figure needs at least one result and got none")
    return [one if isinstance(one, Result) else Result.load(one) for one in found]


def gather(
    results: Results,
    *,
    name: str,
    numbers: Sequence[str],
    texts: Sequence[str] = (),
    order: Sequence[str] = (),
) -> list[Series]:
    """Return one series per network and result, in the order of the frames.

    Parameters
    ----------
    results : Result or sequence of Result
        All of the same kind.
    name : str
        The kind that is wanted.
    numbers, texts : sequence of str
        The columns that the figure reads, besides ``network``.
    order : sequence of str
        Networks that keep the style of their place here, so that several figures agree.

    Raises
    ------
    InputError
        If a result is of another kind, is empty, lacks a column or holds text for numbers.
    """
    found = [
        (str(network), rows, _facts(result, str(network)))
        for result in listed(results)
        for network, rows in checked(
            result, name=name, numbers=numbers, texts=("network", *texts)
        ).groupby("network", sort=False, dropna=False)
    ]
    labels = labels_of([(network, facts) for network, _, facts in found])
    places = _places([network for network, _, _ in found], order)
    return [
        Series(network, label, rows, style(place), facts)
        for (network, rows, facts), label, place in zip(found, labels, places, strict=True)
    ]


def checked(
    result: Result, *, name: str, numbers: Sequence[str], texts: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the frame of a result with its numbers as float64; what is not finite is NaN.

    Raises
    ------
    InputError
        As :func:`gather`.
    """
    if result.name != name:
        raise InputError(
            f"this figure draws a result named '{name}' and got one named '{result.name}'"
        )
    missing = [c for c in (*texts, *numbers) if c not in result.frame.columns]
    if missing:
        raise InputError(
            f"the {name} result lacks the column {', '.join(missing)}; run the study again"
        )
    if result.frame.empty:
        raise InputError(f"the {name} result has no rows, so there is nothing to draw")
    try:
        frame = result.frame.assign(**{c: result.frame[c].astype(float) for c in numbers})
    except (ValueError, TypeError) as error:
        raise InputError(f"the {name} result holds text where numbers belong ({error})") from error
    return frame.replace([np.inf, -np.inf], np.nan)  # neither has a place in a figure


def _places(networks: Sequence[str], order: Sequence[str]) -> list[int]:
    """Give each network its place in ``order``, a second of the same name one after them."""
    places: list[int] = []
    for network in networks:
        place = order.index(network) if network in order else len(order)
        if place in places:
            place = max(len(order), max(places) + 1)
        places.append(place)
    return places


def _facts(result: Result, network: str) -> dict[str, Any]:
    for entry in networks_of(result.meta):
        if str(entry["network"]) == network:
            return entry
    return {}


def on_one_axis(indices: Sequence[np.ndarray]) -> tuple[list[np.ndarray], bool]:
    """Put networks of any depth on one axis; returns the positions and whether they are relative.

    Equal depths keep their indices 0..L-1. Where depths differ, each network runs from 0
    (its first block) to 1 (its last); a network of one block lies at 0.

    Examples
    --------
    >>> on_one_axis([np.array([0, 1, 2]), np.array([0, 1, 2, 3, 4])])
    ([array([0. , 0.5, 1. ]), array([0.  , 0.25, 0.5 , 0.75, 1.  ])], True)
    """
    if not all(len(index) and np.isfinite(index).all() for index in indices):
        raise InputError("a network has no row to draw, or one without a number of its block")
    lasts = [max(index.max(), 1.0) for index in indices]
    if len({index.max() for index in indices}) == 1:
        return [index.astype(float) for index in indices], False
    return [index / last for index, last in zip(indices, lasts, strict=True)], True
