"""From results to what a figure draws: one series per network, checked and labelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from resprobe.errors import InputError
from resprobe.figures.meta import networks_of
from resprobe.figures.theme import Style, short_text, style
from resprobe.results import Result

__all__ = ["Results", "Series", "error_limit", "gather", "listed", "on_one_axis"]

Results = Result | Sequence[Result]

_LABEL = 32  # letters: what a legend has room for beside its line in one column


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
    """Return one result or several as a list.

    Raises
    ------
    InputError
        If there is none.
    """
    found = [results] if isinstance(results, Result) else list(results)
    if not found:
        raise InputError("a figure needs at least one result and got none")
    return found


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
        for network, rows in _checked(result, name=name, numbers=numbers, texts=texts).groupby(
            "network", sort=False, dropna=False
        )
    ]
    labels = _labels([(network, facts) for network, _, facts in found])
    places = _places([network for network, _, _ in found], order)
    return [
        Series(network, label, rows, style(place), facts)
        for (network, rows, facts), label, place in zip(found, labels, places, strict=True)
    ]


def _checked(
    result: Result, *, name: str, numbers: Sequence[str], texts: Sequence[str]
) -> pd.DataFrame:
    if result.name != name:
        raise InputError(
            f"this figure draws a result named '{name}' and got one named '{result.name}'"
        )
    missing = [c for c in ("network", *texts, *numbers) if c not in result.frame.columns]
    if missing:
        raise InputError(
            f"the {name} result lacks the column {', '.join(missing)}; run the study again"
        )
    if result.frame.empty:
        raise InputError(f"the {name} result has no rows, so there is nothing to draw")
    try:
        return result.frame.assign(**{c: result.frame[c].astype(float) for c in numbers})
    except (ValueError, TypeError) as error:
        raise InputError(f"the {name} result holds text where numbers belong ({error})") from error


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


def _labels(networks: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
    """Two runs of one architecture are told apart by their weights, else by a number."""
    names = _shortened([network for network, _ in networks])
    labels: list[str] = []
    for name, (_, facts) in zip(names, networks, strict=True):
        weights = facts.get("checkpoint_sha256")
        if names.count(name) > 1 and weights:
            short = short_text(weights, limit=64)[:8]
            name = f"{short_text(name, limit=_LABEL - len(short) - 3)} ({short})"
        label, run = name, 1
        while label in labels:
            run += 1
            label = f"{short_text(name, limit=_LABEL - 8)} (no. {run})"
        labels.append(label)
    return labels


def _shortened(networks: Sequence[str]) -> list[str]:
    """Shorten names to a legend's length so that different ones still look different.

    Where one is too long, the options that all of them share go first.

    Examples
    --------
    >>> _shortened([f"resnet110:order=full-pre:survival=0.5:init={i}" for i in ("he", "zero-bn")])
    ['resnet110:init=he', 'resnet110:init=zero-bn']
    """
    names = _without_shared_options(networks) if _too_long(networks) else list(networks)
    labels = [short_text(name, limit=_LABEL) for name in names]
    for label in {label for label in labels if labels.count(label) > 1}:
        alike = [name for name, other in zip(names, labels, strict=True) if other == label]
        if len(set(alike)) > 1:
            start = _first_difference(alike)
            for place, name in enumerate(names):
                if labels[place] == label:
                    labels[place] = short_text(_from(name, start), limit=_LABEL)
    return labels


def _too_long(names: Sequence[str]) -> bool:
    return any(len(name) > _LABEL for name in names)


def _without_shared_options(names: Sequence[str]) -> list[str]:
    parts = [name.split(":") for name in names]
    shared = set.intersection(*({p for p in one if "=" in p} for one in parts))
    if len(set(names)) == 1:  # of one network alone, options are what there is to say
        return list(names)
    return [":".join(part for part in one if part not in shared) for one in parts]


def _first_difference(names: Sequence[str]) -> int:
    letters = enumerate(zip(*names, strict=False))
    return next((i for i, some in letters if len(set(some)) > 1), min(map(len, names)))


def _from(name: str, start: int) -> str:
    """Keep the beginning of a name, and what stands from the place where it differs on."""
    head, tail = name[: _LABEL // 3], name[max(0, start - 4) :]
    return f"{head}…{tail[: _LABEL - len(head) - 1]}"


def on_one_axis(indices: Sequence[np.ndarray]) -> tuple[list[np.ndarray], bool]:
    """Put networks of any depth on one axis; returns the positions and whether they are relative.

    Equal depths keep their indices 0..L-1. Where depths differ, each network runs from 0
    (its first block) to 1 (its last); a network of one block lies at 0.

    Examples
    --------
    >>> on_one_axis([np.array([0, 1, 2]), np.array([0, 1, 2, 3, 4])])
    ([array([0. , 0.5, 1. ]), array([0.  , 0.25, 0.5 , 0.75, 1.  ])], True)
    """
    lasts = [max(index.max(), 1.0) for index in indices]
    if len({index.max() for index in indices}) == 1:
        return [index.astype(float) for index in indices], False
    return [index / last for index, last in zip(indices, lasts, strict=True)], True
