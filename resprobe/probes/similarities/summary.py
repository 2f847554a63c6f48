"""What a table of CKA says on average, and whether corresponding layers find each other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from resprobe.probes.similarities.cka import HsicSums, cka_of
from resprobe.probes.similarities.layers import Layer, same_architecture
from resprobe.statistics import wilson

__all__ = ["identified", "summary_rows"]

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
PLACES = (("output", "output"), ("interior", "interior"), ("output", "interior"))
STAGES = ("all", "same", "different")


def summary_rows(
    sums: HsicSums,
    networks: Sequence[tuple[str, Sequence[Layer], slice]],
) -> Iterator[dict[str, Any]]:
    """Yield the rows of the summary: for each network, and for each two of them.

    Parameters
    ----------
    networks : sequence of (name, layers, slice)
        The slice is where its layers stand among all.
    """
    for first, one in enumerate(networks):
        for other in networks[first:]:
            named = {"network": one[0], "other_network": other[0]}
            for row in _means(sums, one[1:], other[1:]):
                yield {**named, **row}
            if one is not other and same_architecture(one[1], other[1]):
                yield from _identifications(sums, one, other)


def _means(
    sums: HsicSums,
    one: tuple[Sequence[Layer], slice],
    other: tuple[Sequence[Layer], slice],
) -> Iterator[dict[str, Any]]:
    masks = {
        (places, stages): _pairs(one, other, places, stages)
        for places in PLACES
        for stages in STAGES
    }
    masks = {key: mask for key, mask in masks.items() if mask.any()}
    for ((a, b), stages), mask in masks.items():
        found = sums.estimate(partial(_mean, within=(one[1], other[1]), mask=mask))
        yield _row("mean", f"{a}, {b}", stages, found, int(mask.sum()))
    for minus in _differences(masks):
        (places, stages), (less, fewer) = minus
        found = sums.estimate(
            partial(
                _difference,
                within=(one[1], other[1]),
                mask=masks[places, stages],
                less=masks[less, fewer],
            )
        )
        label = ", ".join(places) + ("" if places == less else " - " + ", ".join(less))
        named = stages if stages == fewer else f"{stages} - {fewer}"
        n = int(masks[places, stages].sum() + masks[less, fewer].sum())
        yield _row("difference", label, named, found, n)


Key = tuple[tuple[str, str], str]


def _differences(masks: dict[Key, Flags]) -> list[tuple[Key, Key]]:
    """Return the pairs of means that are compared: by place, and by stage."""
    outputs, inside = PLACES[0], PLACES[1]
    wanted = [((outputs, stages), (inside, stages)) for stages in STAGES]
    wanted += [((places, "same"), (places, "different")) for places in PLACES[:2]]
    return [(a, b) for a, b in wanted if a in masks and b in masks]


def _pairs(
    one: tuple[Sequence[Layer], slice],
    other: tuple[Sequence[Layer], slice],
    places: tuple[str, str],
    stages: str,
) -> Flags:
    """Say which pairs of two networks are meant; within one, each pair once and none twice."""
    (stage, place), (other_stage, other_place) = _labels(one[0]), _labels(other[0])
    a, b = places
    found = (place[:, None] == a) & (other_place == b)
    found |= (place[:, None] == b) & (other_place == a)
    if stages != "all":
        found &= (stage[:, None] == other_stage) == (stages == "same")
    return np.triu(found, 1) if one[1] == other[1] else found


def _labels(layers: Sequence[Layer]) -> tuple[npt.NDArray[np.int_], npt.NDArray[np.str_]]:
    """Return the layers' stages and places: pairs are compared by arrays of these."""
    return np.array([one.stage for one in layers]), np.array([one.place for one in layers])


def _mean(cka: Array, *, within: tuple[slice, slice], mask: Flags) -> Array:
    """Return the mean over the pairs whose CKA is defined."""
    values = cka[within][mask]
    values = values[~np.isnan(values)]
    return np.array(values.mean() if len(values) else math.nan)


def _difference(cka: Array, *, within: tuple[slice, slice], mask: Flags, less: Flags) -> Array:
    return np.asarray(_mean(cka, within=within, mask=mask) - _mean(cka, within=within, mask=less))


def _row(measure: str, places: str, stages: str, found: Any, n: int) -> dict[str, Any]:
    return {
        "measure": measure,
        "places": places,
        "stages": stages,
        "value": float(found.value),
        "low": float(found.low),
        "high": float(found.high),
        "n": n,
    }


def _identifications(
    sums: HsicSums,
    one: tuple[str, Sequence[Layer], slice],
    other: tuple[str, Sequence[Layer], slice],
) -> Iterator[dict[str, Any]]:
    cka = cka_of(sums.mean())[one[2], other[2]]
    where = np.array([layer.place for layer in one[1]])
    places = list(dict.fromkeys(where.tolist()))
    for a, b, table in ((one, other, cka), (other, one, cka.T)):
        hits = identified(table)
        for place in ("all", *(places if len(places) > 1 else ())):
            chosen = hits if place == "all" else hits[where == place]
            low, high = wilson(int(chosen.sum()), len(chosen))
            yield {
                "network": a[0],
                "other_network": b[0],
                "measure": "identified",
                "places": place,
                "stages": "all",
                "value": float(chosen.mean()),
                "low": low,
                "high": high,
                "n": len(chosen),
            }


def identified(cka: Array) -> Flags:
    """Say of each row whether its largest entry is on the diagonal; NaN is never the largest.

    Examples
    --------
    >>> identified(np.array([[0.9, 0.2], [0.8, 0.7]])).tolist()
    [True, False]
    """
    known = np.where(np.isnan(cka), -np.inf, cka)
    return np.asarray(
        (known.argmax(1) == np.arange(len(cka))) & np.isfinite(known.max(1)), dtype=bool
    )
