"""One table of several networks: each measured once, each with its setting."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd
from kit.subjects import Subject, once

from resprobe.results import Result, combined

__all__ = ["Rows", "measured_once", "only", "rows_of"]


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What a table has of one network.

    Attributes
    ----------
    network : str
        Its name.
    frame : DataFrame
        Its rows.
    facts : dict
        What the provenance says of it.
    images : str
        The images that it was shown.
    setting : str
        Network, training and images, in words.
    """

    network: str
    frame: pd.DataFrame
    facts: dict[str, Any]
    images: str
    setting: str

    @property
    def blocks(self) -> int:
        """How many blocks it has."""
        return int(self.facts["blocks"])

    @property
    def chance(self) -> float:
        """The error of an answer drawn at random."""
        return 1 - 1 / int(self.facts["classes"])


def measured_once(
    asked: argparse.Namespace, kind: str, measure: Callable[[Subject], Result]
) -> Result:
    """Measure each network that was not measured yet, and put them together.

    What is found of a network is kept in ``asked.parts``, so that a run goes on where another
    ended.
    """
    parts = [
        once(asked.parts / f"{network.name}-{kind}", lambda n=network: measure(n.read()))
        for network in asked.found
    ]
    return combined(parts)


def rows_of(result: Result) -> Iterator[Rows]:
    """Yield the networks of a table, in its order."""
    for facts in result.meta["networks"]:
        name = facts["network"]
        data = facts.get("data") or result.meta["data"]
        images = f"{data['data_set']}, {data['split']}: {data['n']:,} images"
        training = f" ({facts['training']})" if facts.get("training") else ""
        yield Rows(
            network=name,
            frame=result.frame[result.frame["network"] == name],
            facts=facts,
            images=images,
            setting=f"{name}{training}; {images}",
        )


def only(result: Result, names: list[str]) -> Result:
    """Return the rows of some of the networks, with what is said of these."""
    networks = [entry for entry in result.meta["networks"] if entry["network"] in names]
    frame = result.frame[result.frame["network"].isin(names)].reset_index(drop=True)
    data = [entry.get("data") for entry in networks]
    meta = {**result.meta, "networks": networks}
    if data and data[0] is not None and all(one == data[0] for one in data):
        meta["data"] = data[0]
    return Result(result.name, frame, meta)
